"""An upgrade of this program keeps its resources: the state of an earlier version, previewed with the present one."""

from __future__ import annotations

import json
import lzma
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import clusters
from tests.e2e.harness import Project

FIXTURE = Path(__file__).parent / "upgrade" / "hosts.json.xz"
PASSPHRASE = "upgrade"
REQUEST = "tls:index/certRequest:CertRequest"
KEPT = ("tls:", "libvirt:", "plumbline:index:NodeState", "plumbline:index:CertificateAuthority")
"""The types that an upgrade must not replace or delete: keys, certificates, machines, node states."""

GROUPING = {f"plumbline:index:{name}" for name in ("Certificate", "Etcd", "ControlPlane", "AddOns")}
"""Removed components, which only grouped others."""

ROUTES = "it is not there yet"
"""Its component had been kube-proxy's. No node of the fixture answers, so the new one does not know that the unit is there: where
nodes are read, it is handed over and reloads."""

RESTARTS = {
    **{f"{node}: etcd.service": "/etc/systemd/system/etcd.service changes" for node in ("m1", "m2", "m3")},
    # The imported folder of others' files.
    **{f"{node}: containerd.service": "/etc/containerd/config.toml changes" for node in ("m1", "m2", "m3", "w1")},
    **{f"{node}: plumbline-routes.service": ROUTES for node in ("m1", "m2", "m3", "w1")},
    # The time that open watches get when it ends.
    **{
        f"{node}: kube-apiserver.service": "/etc/kubernetes/manifests/kube-apiserver.yaml changes"
        for node in ("m1", "m2", "m3")
    },
}
"""The units that an upgrade from the fixture starts or restarts, and why."""


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], str]:
    """The steps of the preview, and all that it printed."""
    project, _ = restored(tmp_path_factory.mktemp("upgrade") / "plumbline")
    printed = project.pulumi("preview", "--refresh=false", "--diff")
    found = json.loads((text := project.pulumi("preview", "--refresh=false", "--json"))[text.index("{") :])["steps"]
    return found, printed


def restored(folder: Path) -> tuple[Project, dict[str, Any]]:
    """The project with the state and the files of the fixture, and the state with its secrets in the clear."""
    project = Project.copy(folder, "hosts")
    state = project.path / ".lab" / "state"
    state.mkdir(parents=True)
    variables = {key: value for key, value in project.environment().items() if key != "PULUMI_CONFIG_PASSPHRASE_FILE"}
    project.variables = variables | {"PULUMI_BACKEND_URL": f"file://{state}", "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}
    exported = json.loads(lzma.decompress(FIXTURE.read_bytes()))
    configure(project.path, exported)
    project.pulumi("stack", "init")
    (project.path / "state.json").write_text(json.dumps(exported))
    configure(project.path, exported)  # `stack init` wrote another salt
    project.pulumi("stack", "import", "--file", "state.json")
    plain: dict[str, Any] = json.loads(project.secret_output("stack", "export"))
    write_files(project.path, plain["deployment"]["resources"])
    return project, plain


def configure(folder: Path, exported: dict[str, Any]) -> None:
    """Writes the configuration of the fixture's cluster, with the present keys."""
    file = folder / "Pulumi.hosts.yaml"
    settings = yaml.safe_load(file.read_text())
    settings["config"]["plumbline:certificates"] = {
        "protectCa": False,
        "caValidityHours": 876000,
        "validityHours": 870000,
        "earlyRenewalHours": 0,
    }
    # The upgrade is one of this program, not of Kubernetes.
    settings["config"]["plumbline:kubernetes"]["version"] = _kubernetes(exported)
    settings["encryptionsalt"] = exported["deployment"]["secrets_providers"]["state"]["salt"]
    file.write_text(yaml.safe_dump(settings))


def _kubernetes(exported: dict[str, Any]) -> str:
    """The Kubernetes version of the fixture's nodes."""
    [version] = set(re.findall(r"/kubernetes/(v[\d.]+)/kubelet", json.dumps(exported)))
    return str(version)


def write_files(folder: Path, resources: list[dict[str, Any]]) -> None:
    """Writes the files that the configuration names, from their content in the state."""
    states = {one["urn"].rpartition("::")[2]: one["inputs"] for one in resources if one["type"].endswith(":NodeState")}
    sums = dict.fromkeys(clusters.ARTIFACTS, clusters.SHA)
    for name, inputs in states.items():
        node, _, component = name.partition("-")
        if component == "kubelet":
            host_key = folder / f".lab/hosts/{node}/ssh_host_ed25519_key.pub"
            host_key.parent.mkdir(parents=True)
            host_key.write_text(inputs["connection"]["hostKey"] + "\n")
            key = folder / ".lab/ssh/id_ed25519"
            key.parent.mkdir(exist_ok=True)
            key.touch(0o600)
            key.write_text(json.loads(inputs["connection"]["privateKey"]["plaintext"]))
        for file in inputs["files"].values():
            if isinstance(file, dict) and "source" in file:
                sums[re.sub(r"^http://[^/]+/", "", file["source"]["url"])] = file["source"]["sha256"]
    mirror = folder / ".lab/mirror"
    mirror.mkdir()
    (mirror / "SHA256SUMS").write_text("".join(f"{checksum}  {name}\n" for name, checksum in sums.items()))


def _changed(found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """The steps that change something, as (operation, type, name)."""
    return [
        (step["op"], step["urn"].split("::")[2].rpartition("$")[2], step["urn"].rpartition("::")[2])
        for step in found
        if step["op"] not in ("same", "refresh", "read")
    ]


def test_upgrade_keeps_keys_certificates_and_node_states(steps: tuple[list[dict[str, Any]], str]) -> None:
    changed = _changed(steps[0])
    kept = [step for step in changed if step[1].startswith(KEPT) and step[1] != REQUEST]
    assert [step for step in kept if step[0] != "update"] == []
    # Certificates and keys are not even updated.
    assert [step for step in kept if step[1].startswith("tls:")] == []


def test_upgrade_deletes_grouping_components_verifications_and_requests_only(
    steps: tuple[list[dict[str, Any]], str],
) -> None:
    deleted = [step for step in _changed(steps[0]) if step[0] == "delete"]
    others = {(kind, name) for _, kind, name in deleted if kind not in {*GROUPING, REQUEST}}
    assert others == {("command:remote:Command", f"{node}-verify") for node in ("m1", "m2", "m3", "w1")}
    assert len(deleted) == 2 * 41 + 3 + 4


def test_upgrade_drains_no_node(steps: tuple[list[dict[str, Any]], str]) -> None:
    """A replaced or deleted registration would run its `delete` command."""
    registrations = {name: op for op, _, name in _changed(steps[0]) if "registration" in name or "add-ons-node" in name}
    assert registrations == {f"{node}-registration": "update" for node in ("m1", "m2", "m3", "w1")}


def test_upgrade_restarts_units_of_changed_texts_only(steps: tuple[list[dict[str, Any]], str]) -> None:
    found = re.findall(r"(\w+: \S+) will (?:re)?start because (.*)$", steps[1], re.MULTILINE)
    assert dict(found) == RESTARTS


def test_upgrade_shows_no_secret(steps: tuple[list[dict[str, Any]], str]) -> None:
    assert "PRIVATE KEY" not in json.dumps(steps[0]) + steps[1]
