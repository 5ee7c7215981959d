"""The first creation of a stack with many nodes: the keys of the CAs are in the state before all else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import asyncssh
import pytest

from bench.hosts import mirror
from bench.hosts.host import Host, Hosts, addresses
from bench.hosts.project import STACK, Project, configuration
from toolchain import creation

KEYS = {
    *("bench-ca-key", "bench-etcd-ca-key", "bench-front-proxy-ca-key"),
    *("bench-control-plane-service-account-key", "bench-control-plane-encryption-key"),
}


def stack(folder: Path, nodes: int) -> Project:
    """A stack of hosts that do not exist: its keys need none."""
    sums = mirror.write(folder / "mirror")
    (folder / "project").mkdir()
    project = Project.of(folder / "project")
    names = addresses(nodes).items()
    hosts = {name: Host(name, one, folder, asyncssh.generate_private_key("ssh-ed25519")) for name, one in names}
    made = Hosts(folder, hosts, asyncssh.generate_private_key("ssh-ed25519"))
    made.login_file.write_bytes(made.login.export_private_key())
    project.configure(configuration(made, sums))
    project.begin()
    return project


def prepare(project: Project) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "toolchain", "creation", STACK]
    return subprocess.run(
        command, cwd=project.folder, env=project.variables, capture_output=True, text=True, check=True
    )


def keys(project: Project) -> dict[str, str]:
    """The public keys of the state by name."""
    found = project.state()["checkpoint"]["latest"].get("resources") or []
    return {
        one["urn"].rpartition("::")[2]: one["outputs"]["publicKeyPem"]
        for one in found
        if one["type"] == "tls:index/privateKey:PrivateKey"
    }


def test_keys_of_a_large_stack_are_created_first_and_once(tmp_path: Path) -> None:
    project = stack(tmp_path, creation.MANY)
    first = prepare(project)
    assert first.stdout == "export PULUMI_SKIP_CHECKPOINTS=true\n"
    assert "creating the keys" in first.stderr
    made = keys(project)
    assert made.keys() == KEYS
    resources = project.state()["checkpoint"]["latest"]["resources"]
    types = {one["type"] for one in resources}
    # The stack's own resource is registered before the program is loaded.
    ours = [one for one in resources if one["type"] != "pulumi:pulumi:Stack"]
    frames = {frame.get("sourcePosition", "") for one in ours for frame in one.get("stackTrace", [])}
    assert "project:///__main__.py" in {one.partition("#")[0] for one in frames}
    assert not [one for one in frames if not one.startswith(("project:///components/", "project:///__main__"))]
    assert not types & {"plumbline:index:NodeState", "plumbline:index:Command"}, "no host is asked"
    # The run that would create the rest was killed: the next one begins with these keys.
    again = prepare(project)
    assert (again.stdout, again.stderr) == (first.stdout, "")
    assert keys(project) == made


def test_small_stack_is_created_in_one_run(tmp_path: Path) -> None:
    project = stack(tmp_path, creation.MANY - 1)
    done = prepare(project)
    assert (done.stdout, done.stderr) == ("", "")
    assert keys(project) == {}


@pytest.mark.parametrize(("source", "large"), [("existing", True), ("libvirt", False)])
def test_vms_are_never_created_without_writes(source: str, large: bool) -> None:
    nodes = json.dumps({f"w{number}": {} for number in range(creation.MANY)})
    config = {"plumbline:machines": {"value": json.dumps({"source": source})}, "plumbline:nodes": {"value": nodes}}
    assert creation._is_large(config) is large
