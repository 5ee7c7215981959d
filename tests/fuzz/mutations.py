"""Mutations of a configuration: of keys, types, values and sections. Each takes its random choices from the generator given to it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from cluster import versions
from cluster.config import declare, kubelet_schema, tree
from tests.unit.keys import HOST_KEY

Values = dict[str, Any]
Place = tuple[Any, Any]
"""An object or list, and the key or index of one value in it."""

WORDS = (
    *(
        "",
        " ",
        "\n",
        "a\nb",
        "\t",
        "\0",
        "x\0y",
        "x" * 64,
        "x" * 5000,
        "0",
        "-1",
        "1e3",
        "0x10",
        "1_000",
        "NaN",
        "true",
    ),
    *("no", "null", "~", "~nobody-here/x", "/", "//", "..", "../..", "/etc/passwd", "/dev/null", ".", "*", "%", "%n"),
    *(
        "$HOME",
        "${x}",
        "{{ x }}",
        "{% raw %}",
        "{cluster.name}",
        "'",
        '"',
        "\\",
        "a b",
        "a: b",
        "- a",
        "# a",
        "&a",
        "<x>",
    ),
    *("ñ", "é", "日本語", "\u202e", "\ufeff", "\u0130", "ß", "🦀", "١٢٣", "²", "\u2028", "\x1b[31m", "a\r\nb"),
    *("localhost", "example.com", "xn--", "-a", "a-", "a.b", "A", "1.2.3", "kubernetes", "m1", "m2", "w1", "default"),
    *("10.0.0.1", "10.77.0.1", "10.77.0.12", "10.2.0.0/16", "10.2.21.0/24", "10.2.0.0/33", "10.2.0.1/16", "0.0.0.0/0"),
    *(
        "0.0.0.0",
        "255.255.255.255",
        "127.0.0.1",
        "224.0.0.1",
        "::1",
        "fd00::/64",
        "010.0.0.1",
        "10.3.0.10",
        "1.1.1.1/0",
    ),
    *("http://[::1", "http://x", "https://[", "http://a:b:c", "file:///x", "qemu+ssh://root@host/system", "test:///x"),
    *("broken", "binary", "empty", "SHA256SUMS", ".lab", ".lab/domain-type", ".lab/ssh/id_ed25519", "missing/file"),
    *("a=b:NoSchedule", "a:NoExecute", "=:", ":", "a=b=c:NoSchedule", "kubernetes.io/x=y:NoSchedule", "/=:NoSchedule"),
    *("500m", "1Gi", "5%", "0%", "101%", "1m30s", "-5s", "0", "9" * 400 + "h", "1h1", ".5s", "10", "1e400"),
    *("control-plane", "worker", "master", "libvirt", "existing", "kvm", "qemu", "debian", "flatcar", "fedora-coreos"),
    *(
        "routed",
        "none",
        "upstream",
        "mirror",
        "RSA",
        "ECDSA",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-rsa AAAA",
        HOST_KEY,
    ),
    *("ab" * 32, "AB" * 32, "ab" * 31, *versions.SUPPORTED, "v1.0.0", "1.36", "latest"),
)
NUMBERS = (
    *(0, 1, -1, 2, 3, 5, 24, 60, 100, 110, 250, 251, 253, 1000, 65535, 65536, 1 << 31, 1 << 32, 1 << 63, 1 << 64),
    *(10**400, -(10**400), 0.5, -0.0, 1.0, 1e308, -1e308, 5e-324, 87600, 876000, 876001),
)
SOUND: dict[str, tuple[Any, ...]] = {
    "cluster.name": ("a", "b2", "x" * 40, "a-b"),
    "cluster.domain": ("k8s.example", "a", "x.y.z"),
    "nodes.<name>.labels": ({"a": "b"}, {"example.com/x": "", "y": "1.2_3"}, {}),
    "nodes.<name>.taints": (["a=b:NoSchedule"], ["a:NoExecute", "a:NoSchedule"], []),
    "nodes.<name>.podCIDR": ("10.2.77.0/24", "10.2.200.0/25", "10.2.128.0/20"),
    "nodes.<name>.kubelet": ({"maxPods": 40}, {"maxPods": None}, {"systemReserved": {"pid": "100"}}, {}),
    "network.cni": ("none", "routed"),
    "network.podCIDR": ("10.16.0.0/12", "172.20.0.0/16"),
    "network.resolvers": ([], ["192.0.2.53"], ["192.0.2.53", "198.51.100.1"]),
    "network.conntrackLimits": (True, False),
    "kubernetes.version": versions.SUPPORTED,
    "kubernetes.internalEndpoint": ("api.example", "x"),
    "kubernetes.controlPlaneEndpoint": ("192.0.2.1", "lb.example.com"),
    "certificates.algorithm": ("RSA", "ECDSA"),
    "certificates.caSubject": ({"commonName": "ü, CN=x"}, {"commonName": "a", "country": "SG"}, {}),
    "certificates.validityHours": (1000, 8760),
    "certificates.protectCa": (True, False),
    "containerd.restrictOomScoreAdj": (True, False),
    "etcd.heartbeatInterval": (100, 250, 500),
    "controlPlane.probePeriod": (5, 20),
}
SHARED_KEYS = (
    "name",
    "role",
    "address",
    "kubelet",
    "ssh",
    "machine",
    "labels",
    "taints",
    "source",
    "version",
    "url",
    "path",
)


def mutated(values: Values, random: Random) -> Values:
    """A copy with one to four mutations. The result is what the engine can hand over: data of JSON."""
    changed = copy.deepcopy(values)
    for _ in range(random.choice((1, 1, 1, 1, 2, 2, 3))):
        random.choice(MUTATIONS)(changed, random)
    return dict(json.loads(json.dumps(changed)))


def _places(data: Any) -> Iterator[Place]:
    pairs: Any = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, below in list(pairs):
        yield data, key
        yield from _places(below)


def _anywhere(values: Values, random: Random) -> Place:
    """A value; sections with many values do not get more mutations than others."""
    if not values:
        values["cluster"] = {}
    section = random.choice(list(values))
    return random.choice([(values, section), *_places(values[section])])


def _object(values: Values, random: Random) -> Values:
    """An object anywhere in the configuration, or the whole."""
    found = [values, *(holder[key] for holder, key in _places(values) if isinstance(holder[key], dict))]
    return random.choice(found)


def _scalar(random: Random) -> Any:
    return random.choice((random.choice(WORDS), random.choice(WORDS), random.choice(NUMBERS), None, True, False))


def _garbage(random: Random, depth: int = 4) -> Any:
    """Objects and lists that no section has."""
    kind = random.choice(("scalar", "object", "list", "deep")) if depth else "scalar"
    if kind == "object":
        return {random.choice((*WORDS, *SHARED_KEYS)): _garbage(random, depth - 1) for _ in range(random.randrange(4))}
    if kind == "list":
        return [_garbage(random, depth - 1) for _ in range(random.randrange(4))]
    if kind == "deep":
        value: Any = _scalar(random)
        for _ in range(random.randrange(150)):
            value = [value] if random.random() < 0.5 else {"a": value}
        return value
    return _scalar(random)


def _replace(values: Values, random: Random) -> None:
    holder, key = _anywhere(values, random)
    holder[key] = _scalar(random)


def _retype(values: Values, random: Random) -> None:
    holder, key = _anywhere(values, random)
    value = holder[key]
    forms: tuple[Callable[[], Any], ...] = (
        *(lambda: str(value), lambda: [value], lambda: {"value": value}, lambda: json.dumps(value)),
        *(
            lambda: {str(value): value},
            lambda: [value, value],
            lambda: None,
            lambda: bool(value),
            lambda: [],
            lambda: {},
        ),
    )
    holder[key] = random.choice(forms)()


def _fill(values: Values, random: Random) -> None:
    holder, key = _anywhere(values, random)
    holder[key] = _garbage(random)


def _remove(values: Values, random: Random) -> None:
    holder, key = _anywhere(values, random)
    del holder[key]


def _rename(values: Values, random: Random) -> None:
    target = _object(values, random)
    if not target:
        return
    key = random.choice(list(target))
    forms = (key[:-1], key + "s", key.upper(), key.lower(), key[::-1], f" {key}", key.replace("e", "é"), f"{key}\n")
    target[random.choice((*forms, *WORDS))] = target.pop(key)


def _move(values: Values, random: Random) -> None:
    """A section or value in another's place."""
    holder, key = _anywhere(values, random)
    _object(values, random)[random.choice((str(key), *SHARED_KEYS))] = copy.deepcopy(holder[key])


def _edit(values: Values, random: Random) -> None:
    """A text with one character more, less, or another."""
    found = [(holder, key) for holder, key in _places(values) if isinstance(holder[key], str)]
    if not found:
        return
    holder, key = random.choice(found)
    text = holder[key]
    at = random.randrange(len(text) + 1)
    holder[key] = text[:at] + random.choice((*WORDS, "0", "9", ".", "-", "/")) + text[at + random.randrange(3) :]


def _number(values: Values, random: Random) -> None:
    found = [(holder, key) for holder, key in _places(values) if type(holder[key]) in (int, float)]
    if found:
        holder, key = random.choice(found)
        holder[key] = random.choice((*NUMBERS, holder[key] + 1, holder[key] - 1, -holder[key]))


def _declared(values: Values, random: Random) -> None:
    """A key that a section declares, with one of its choices, a bound, or any value."""
    path, section = random.choice(list(tree.SECTIONS.items()))
    target = _section(values, path, random)
    if target is None:
        return
    declared = random.choice(declare.keys(section))
    wanted = [*declared.choices, *(one for one in (declared.least, declared.most) if one is not None), declared.example]
    if declared.most is not None:
        wanted.append(declared.most + 1)
    target[declared.name] = random.choice([*wanted, _scalar(random), _garbage(random)])


def _sound(values: Values, random: Random) -> None:
    """A value that is probably accepted: without some of these, nearly every configuration would be refused."""
    path = random.choice(list(SOUND))
    section, _, key = path.rpartition(".")
    target = _section(values, section, random)
    if target is not None:
        target[key] = copy.deepcopy(random.choice(SOUND[path]))


def _section(values: Values, path: str, random: Random) -> Values | None:
    """The object at a path, made if it is not there; `<name>` is any node. None if something else is in its place."""
    target = values
    for part in path.split("."):
        names = [name for name in target if isinstance(target[name], dict)] if part == "<name>" else [part]
        if not names:
            return None
        below = target.setdefault(random.choice(names), {})
        if not isinstance(below, dict):
            return None
        target = below
    return target


def _kubelet(values: Values, random: Random) -> None:
    """A key of KubeletConfiguration with a value of its type, or of another."""
    schema = kubelet_schema.load(versions.DEFAULT)
    fields = schema.types[kubelet_schema.ROOT]
    key = random.choice(list(fields))
    holders = [values] + [node for node in _nodes(values).values() if isinstance(node, dict)]
    holder = random.choice(holders)
    if not isinstance(holder.get("kubelet"), dict):
        holder["kubelet"] = {}
    holder["kubelet"][key] = _typed(schema, fields[key], random)


def _typed(schema: kubelet_schema.Schema, kind: str, random: Random) -> Any:
    if random.random() < 0.15:
        return _garbage(random, 2)
    if kind in schema.types:
        fields = schema.types[kind]
        return {name: _typed(schema, fields[name], random) for name in random.sample(list(fields), min(2, len(fields)))}
    if kind.startswith("list of "):
        return [_typed(schema, kind.removeprefix("list of "), random) for _ in range(random.randrange(3))]
    if kind.startswith("map of "):
        names = (*WORDS, "cpu", "memory", "memory.available", "pid", *random.sample(list(schema.gates), 3))
        return {random.choice(names): _typed(schema, kind.removeprefix("map of "), random) for _ in range(2)}
    if kind in schema.enums:
        return random.choice([*schema.enums[kind], "x"])
    plain: dict[str, tuple[Any, ...]] = {
        "boolean": (True, False),
        "integer": NUMBERS,
        "number": NUMBERS,
        "duration": ("1m30s", "0s", "-1s", "5s"),
        "quantity": ("500m", "1Gi", 1),
    }
    return random.choice(plain.get(kind, WORDS))


def _nodes(values: Values) -> Values:
    nodes = values.get("nodes")
    return nodes if isinstance(nodes, dict) else {}


def _more_nodes(values: Values, random: Random) -> None:
    """A node more, with a name that may be bad, like one that is there."""
    nodes = _nodes(values)
    if nodes:
        copied = copy.deepcopy(random.choice(list(nodes.values())))
        if isinstance(copied, dict) and random.random() < 0.7:
            copied |= {"role": "worker", "address": f"10.{random.choice((77, 78, 80))}.0.{random.randrange(300)}"}
        nodes[random.choice(("w2", "w3", "m1-etcd", "w1-kubelet", "7", "n" * 63, *WORDS))] = copied


MUTATIONS: tuple[Callable[[Values, Random], None], ...] = (
    *(_replace, _retype, _fill, _remove, _rename, _move, _edit, _edit, _number, _declared, _declared, _declared),
    *(_kubelet, _kubelet, _kubelet, _more_nodes, _sound, _sound, _sound, _sound, _sound, _sound),
)
