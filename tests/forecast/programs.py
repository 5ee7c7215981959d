"""Mutations of the program: the desired state changes. Some of them come with a hand edit that anticipates them."""

from __future__ import annotations

import base64
import copy
import shlex
from random import Random
from typing import Any

from cluster.node import paths
from tests.forecast import services
from tests.forecast.mutations import Maker, Mutation, foreign_pod, lose
from tests.forecast.rendered import POD_MANIFEST
from tests.forecast.services import FOLDER, IDLE, KEEPS, REREADS, TOOL, UNITS, WEB
from tests.forecast.world import World, pick


def _files(world: World, component: str = "services") -> dict[str, Any]:
    files: dict[str, Any] = world.components[component]["files"]
    return files


def configuration(rng: Random, world: World) -> Mutation | None:
    number = world.fresh()
    path, content = pick(
        rng,
        [
            (f"{FOLDER}/web.conf", f"WORD=word{number}\n"),
            (f"{FOLDER}/web.reread", f"{number}\n"),
            (f"{FOLDER}/note", f"note {number}\n"),
            (f"{FOLDER}/key", f"not-a-key-{number}\n"),
            (f"{FOLDER}/shared", f"managed {number}\n"),
            (f"{FOLDER}/web", f"{services.WEB_PROGRAM}# {number}\n"),
        ],
    )
    world.files[path]["content"] = content
    return Mutation("configuration: content", path)


def unit_text(rng: Random, world: World) -> Mutation | None:
    name = pick(rng, [WEB, IDLE, REREADS, KEEPS])
    file = world.files[f"{UNITS}/{name}"]
    file["content"] = file["content"].replace("[Service]\n", f"[Service]\nEnvironment=NUMBER={world.fresh()}\n")
    return Mutation("configuration: unit", name)


def kubelet(rng: Random, world: World) -> Mutation | None:
    file = _files(world, "kubelet")[paths.KUBELET_CONFIG]
    lines = [line for line in file["content"].splitlines() if not line.startswith("maxPods:")]
    file["content"] = "\n".join([*lines, f"maxPods: {100 + world.fresh()}", ""])
    return Mutation("configuration: kubelet", paths.KUBELET_CONFIG)


def containerd(rng: Random, world: World) -> Mutation | None:
    file = _files(world, "runtime")[paths.CONTAINERD_CONFIG]
    file["content"] = f"{file['content'].split('# number')[0].rstrip()}\n# number {world.fresh()}\n"
    return Mutation("configuration: containerd", paths.CONTAINERD_CONFIG)


def pod(rng: Random, world: World) -> Mutation | None:
    file = _files(world, "pod")[POD_MANIFEST]
    head, _, rest = file["content"].partition("note:")
    file["content"] = f"{head}note: number-{world.fresh()}\n{rest.partition(chr(10))[2]}"
    return Mutation("configuration: static pod", POD_MANIFEST)


def routes(rng: Random, world: World) -> Mutation | None:
    file = _files(world, "runtime")[paths.ROUTES]
    kept = [line for line in file["content"].splitlines() if not line.startswith("203.0.113.")]
    if len(kept) == len(file["content"].splitlines()):
        kept.append("203.0.113.0/24 10.78.0.1")
    file["content"] = "".join(f"{line}\n" for line in kept)
    return Mutation("configuration: routes", paths.ROUTES)


def shape(rng: Random, world: World) -> Mutation | None:
    path = pick(rng, [one for one in _files(world) if one.startswith(FOLDER) and not _files(world)[one].get("block")])
    key, value = pick(
        rng, [("mode", "0640"), ("mode", "0644"), ("mode", "0755"), ("group", "daemon"), ("group", "root")]
    )
    if key == "mode" and path == f"{FOLDER}/web":
        value = "0750" if value == "0640" else "0755"  # without the right to run it, the unit could not start any more
    _files(world)[path][key] = value
    return Mutation("configuration: mode or owner", f"{path}: {key} {value}")


def directory(rng: Random, world: World) -> Mutation | None:
    wanted = world.components["services"]["directories"]
    path = f"{FOLDER}/folder"
    if path in wanted:
        del wanted[path]
    else:
        wanted[path] = services.folder("0700")
    return Mutation("configuration: directory", path)


def more_files(rng: Random, world: World) -> Mutation | None:
    path = f"{FOLDER}/more.conf"
    reaction = next(one for one in world.components["services"]["reactions"] if one["unit"] == WEB)
    if path in _files(world):
        del _files(world)[path]
        reaction["files"].remove(path)
    else:
        _files(world)[path] = services.text(f"more {world.fresh()}\n")
        reaction["files"].append(path)
    return Mutation("configuration: file", f"{path}: added or removed")


def more_units(rng: Random, world: World) -> Mutation | None:
    name = "more.service"
    component = world.components["services"]
    path = f"{UNITS}/{name}"
    if name in component["units"]:
        del component["units"][name], component["files"][path]
        component["reactions"] = [one for one in component["reactions"] if one["unit"] != name]
        return Mutation("configuration: unit removed", name)
    component["units"][name] = {"enabled": True, "active": True}
    component["files"][path] = services.text(services.unit("/bin/sleep infinity", f"Environment=N={world.fresh()}"))
    component["reactions"].append({"unit": name, "action": "restart", "files": [path]})
    return Mutation("configuration: unit added", name)


def wanted_state(rng: Random, world: World) -> Mutation | None:
    unit = world.units[IDLE]
    key = pick(rng, ["enabled", "active"])
    unit[key] = not unit[key]
    return Mutation("configuration: unit", f"{IDLE}: {key} {unit[key]}")


def drop_in(rng: Random, world: World) -> Mutation | None:
    path = f"{UNITS}/{WEB}.d/10-own.conf"
    if path in _files(world):
        _files(world)[path]["content"] = f"[Service]\nEnvironment=OWN={world.fresh()}\n"
        return Mutation("configuration: drop-in", path)
    return None


def renew(rng: Random, world: World) -> Mutation | None:
    name = pick(rng, [REREADS, KEEPS])
    for path, content in zip(services.tls(name), world.issuer.leaf(name), strict=True):
        _files(world)[path]["content"] = content
    return Mutation("certificate", name)


def renew_kubelet(rng: Random, world: World) -> Mutation | None:
    pair = pick(
        rng,
        [(paths.KUBELET_CERTIFICATE, paths.KUBELET_KEY), (paths.KUBELET_CLIENT_CERTIFICATE, paths.KUBELET_CLIENT_KEY)],
    )
    for path, content in zip(pair, world.issuer.leaf(f"{world.node}-kubelet"), strict=True):
        _files(world, "kubelet")[path]["content"] = content
    return Mutation("certificate", pair[0])


def version(rng: Random, world: World) -> Mutation | None:
    number = rng.randrange(len(world.tools))
    _files(world)[TOOL] = services.download(number, world.tools[number])
    return Mutation("version", f"{TOOL}: {number}")


def kubelet_version(rng: Random, world: World) -> Mutation | None:
    [path] = [one for one, file in _files(world, "kubelet").items() if file.get("source") in world.kubelets]
    file = _files(world, "kubelet")[path]
    file["source"] = world.kubelets[1 - world.kubelets.index(file["source"])]
    return Mutation("version", path)


def move(rng: Random, world: World) -> Mutation | None:
    """A file, or a unit with its file, goes from one component to the other."""
    here, there = pick(rng, [("services", "other"), ("other", "services")])
    source, target = world.components[here], world.components[there]
    path = f"{FOLDER}/note"
    unit = pick(rng, ["", IDLE])
    if unit:
        path = f"{UNITS}/{unit}"
    if path not in source["files"]:
        return None
    target["files"][path] = source["files"].pop(path)
    if unit:
        target["units"][unit] = source["units"].pop(unit)
        moved = [one for one in source["reactions"] if one["unit"] == unit]
        source["reactions"] = [one for one in source["reactions"] if one["unit"] != unit]
        target["reactions"] += moved
    return Mutation("ownership: moved", f"{path}: {here} to {there}")


def rename(rng: Random, world: World) -> Mutation | None:
    component = pick(rng, ["other", "services"])
    world.names[component] = f"{world.node}-{component}-{world.fresh()}"
    return Mutation("ownership: renamed", world.names[component])


def replace(rng: Random, world: World) -> Mutation | None:
    component = pick(rng, ["services", "other"])
    world.components[component]["machineId"] = f"machine-{world.fresh()}"
    return Mutation("node: machineId", component)


def anticipated(rng: Random, world: World) -> Mutation | None:
    """The new text is on the node before the program has it; perhaps the unit runs with it, too. A secret has no unit."""
    number = world.fresh()
    secret = (f"{FOLDER}/key", f"not-a-key-{number}\n")
    path, content = pick(rng, [(f"{FOLDER}/web.conf", f"WORD=word{number}\n"), secret])
    _files(world)[path]["content"] = content
    encoded = base64.b64encode(content.encode()).decode()
    restarted = "" if path == secret[0] else pick(rng, ["", f"; systemctl restart {WEB}; settled {WEB} active-running"])
    return Mutation(
        "file: edited to the program's new text",
        f"{path}{', and restarted by hand' if restarted else ''}",
        f"echo {encoded} | base64 -d >{shlex.quote(path)}{restarted}",
    )


def leaves_while_stopped(rng: Random, world: World) -> Mutation | None:
    """A unit that was found stopped leaves the program."""
    component = world.components["services"]
    name = "more.service"
    if name not in component["units"]:
        return None
    before = copy.deepcopy(component)
    mutation = more_units(rng, world)
    if mutation is None or name in component["units"]:
        world.components["services"] = before
        return None
    return Mutation("configuration: stopped unit removed", name, f"systemctl stop {name}")


BY_PROGRAM: dict[Maker, int] = {
    configuration: 10, unit_text: 3, kubelet: 3, containerd: 2, pod: 2, routes: 2, shape: 3, directory: 2,
    more_files: 3, more_units: 3, wanted_state: 3, drop_in: 2, renew: 4, renew_kubelet: 3, version: 3,
    kubelet_version: 1, move: 4, rename: 2, replace: 2, anticipated: 4, leaves_while_stopped: 2,
}  # fmt: skip
"""The makers and how often each is chosen."""

NEEDS: dict[Maker, str] = {
    kubelet: "kubelet", renew_kubelet: "kubelet", kubelet_version: "kubelet", containerd: "runtime", pod: "pod",
    routes: "runtime", foreign_pod: "pod",
}  # fmt: skip
"""Makers that need a component of Kubernetes."""

OF_THE_STATE = (lose, rename, replace)
"""Makers that change the program's state and names: other tools have neither."""
