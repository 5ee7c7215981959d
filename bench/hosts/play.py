"""Ansible on the same hosts: the series' role, and a play with the same files, directories and units as the program.

Both plays have pipelining, 64 forks and pinned host keys, and a new ssh connection per host in each run, as the program has.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.hosts.host import Hosts
from bench.hosts.isolation import ROOT
from cluster.rendering import TEMPLATES

PLAYBOOK = ROOT / ".venv-rival/bin/ansible-playbook"
PLAYS = Path(__file__).parent / "plays"
FORKS = 64
DAEMON_RELOAD = "systemd reads its files again"
NODE_STATE = "plumbline:index:NodeState"
CHANGED = "/etc/kubernetes/kubelet.yaml"
"""The file that changes on the last host: that of the same key in the program's configuration."""


@dataclass
class Play:
    """A play in its own folder, with an inventory of the hosts. Each run has new ssh connections."""

    folder: Path
    hosts: Hosts
    variables: Mapping[str, dict[str, Any]]
    number: int = 0
    environment: dict[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.environment = {
            **os.environ,
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_FORKS": str(FORKS),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
            "ANSIBLE_NOCOWS": "1",
            "ANSIBLE_NOCOLOR": "1",
        }

    def command(self) -> list[str]:
        """The command of one run, after its inventory was written."""
        self.number += 1
        known = self.folder / "known_hosts"
        known.write_text("".join(f"{one.address} {one.host_key}\n" for one in self.hosts.by_name.values()))
        common = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.hosts.login_file),
            "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={known}",
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        inventory = {
            name: {"ansible_host": host.address, **common, **self.variables[name]}
            for name, host in self.hosts.by_name.items()
        }
        (self.folder / "inventory.json").write_text(json.dumps({"all": {"hosts": inventory}}))
        # A folder per run, with a short name: the path of a socket is limited.
        self.environment["ANSIBLE_SSH_CONTROL_PATH_DIR"] = str(self.folder / f"c{self.number}")
        return [str(PLAYBOOK), "-i", str(self.folder / "inventory.json"), str(self.folder / "play.yml")]

    def changes(self, printed: str) -> int:
        """The number of tasks that changed something, over all hosts."""
        return sum(int(number) for number in re.findall(r"\bchanged=(\d+)", printed))


def series(folder: Path, hosts: Hosts) -> Play:
    """The series' role: five paths per host. CA and certificate are those of the first host."""
    folder.mkdir(parents=True)
    first = next(iter(hosts.by_name.values()))
    pki = "/etc/kubernetes/pki"
    texts = {
        "ca.crt": first.text(f"{pki}/ca.crt"),
        # A key of the same kind: no CA key is on any host.
        "ca.key": first.text(f"{pki}/kubelet.key"),
        "kubelet.crt": first.text(f"{pki}/kubelet-client.crt"),
        "kubelet.key": first.text(f"{pki}/kubelet-client.key"),
    }
    for name, text in texts.items():
        _private(folder / name, text)
    shutil.copy(PLAYS / "series.yml", folder / "play.yml")
    shutil.copy(PLAYS / "kubeconfig.j2", folder)
    shutil.copy(TEMPLATES / "classic/kubelet.service.j2", folder)
    third = list(hosts.by_name.values())[: 3 if len(hosts.by_name) > 3 else 1][-1].address
    shared = {"third": third, "dns": "10.3.0.10", "domain": "cluster.local", "revision": 0}

    def own(name: str, address: str) -> dict[str, Any]:
        control = name.startswith("m")
        return {**shared, "role": "master" if control else "worker", "master": control, "address": address}

    return Play(folder, hosts, {name: own(name, host.address) for name, host in hosts.by_name.items()})


def same(folder: Path, hosts: Hosts, state: Mapping[str, Any]) -> Play:
    """The program's own files, directories and units, with its texts as they are on the hosts. `state` is the stack's."""
    folder.mkdir(parents=True)
    variables: dict[str, dict[str, Any]] = defaultdict(
        lambda: {"directories": [], "files": [], "blocks": [], "units": []}
    )
    reactions: set[str] = set()
    for one in state["checkpoint"]["latest"]["resources"]:
        if one["type"] == NODE_STATE:
            name, inputs = one["inputs"]["node"], one["inputs"]
            found = variables[name]
            found["directories"] += [{"path": path, **_shape(at, "0755")} for path, at in inputs["directories"].items()]
            found["units"] += list(inputs["units"])
            notified = _notified(inputs)
            reactions |= {handler for handlers in notified.values() for handler in handlers}
            for path, file in inputs["files"].items():
                _add(found, folder / "files" / name, path, file, hosts.by_name[name].text(path), notified[path])
    for found in variables.values():
        found["directories"] = sorted(_with_parents(found), key=lambda at: str(at["path"]))
        found["users"] = sorted({at["owner"] for at in (*found["directories"], *found["files"])} - {"root"})
    handlers = [
        {"name": name, "ansible.builtin.systemd_service": {"name": name.partition(" ")[2], "state": "restarted"}}
        for name in sorted(reactions - {DAEMON_RELOAD})
    ]
    text = (PLAYS / "same.yml").read_text()
    (folder / "play.yml").write_text(text + "".join(f"    - {json.dumps(handler)}\n" for handler in handlers))
    return Play(folder, hosts, dict(variables))


def change(play: Play, number: int) -> None:
    """Changes one file of the last host, to another text for each number."""
    name = list(play.hosts.by_name)[-1]
    if "revision" in play.variables[name]:
        play.variables[name]["revision"] = number
        return
    file = play.folder / "files" / name / CHANGED.lstrip("/")
    file.write_text(re.sub(r"maxPods: \d+", f"maxPods: {number}", file.read_text()))


def _shape(given: Mapping[str, Any], mode: str) -> dict[str, str]:
    return {key: str(given.get(key) or usual) for key, usual in (("mode", mode), ("owner", "root"), ("group", "root"))}


def _add(
    found: dict[str, Any], folder: Path, path: str, file: Mapping[str, Any], text: str, notified: list[str]
) -> None:
    if file.get("block"):
        within = text.partition("# BEGIN plumbline\n")[2].partition("# END plumbline")[0]
        found["blocks"].append({"path": path, "content": within.rstrip("\n")})
        return
    _private(folder / path.lstrip("/"), text)
    found["files"].append({"path": path, **_shape(file, "0644"), "notify": notified})


def _notified(inputs: Mapping[str, Any]) -> defaultdict[str, list[str]]:
    """Handlers by path."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in inputs["files"]:
        if path.startswith("/etc/systemd/system/"):
            found[path].append(DAEMON_RELOAD)
    for reaction in inputs["reactions"]:
        if reaction["action"] == "restart":
            for path in reaction["files"]:
                found[path].append(f"restart {reaction['unit']}")
    return found


def _with_parents(found: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    declared = {one["path"] for one in found["directories"]}
    yield from found["directories"]
    for path in sorted({str(Path(file["path"]).parent) for file in found["files"]} - declared):
        if path not in ("/etc", "/etc/systemd/system"):
            yield {"path": path, "mode": "0755", "owner": "root", "group": "root"}


def _private(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(0o600)
    file.write_text(text)
