"""A copy of this checkout with the benchmark's program and stack, and its commands: `up` and `preview` by the real engine."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bench.hosts import mirror
from bench.hosts.host import Hosts
from bench.hosts.isolation import ROOT

STACK = "bench"
PULUMI = ["pulumi", "--non-interactive", "--color", "never", "--stack", STACK]
UP = ["up", "--yes", "--skip-preview", "--continue-on-error"]
CREATION = [
    "bash",
    "-c",
    f"{sys.executable} -m toolchain unlock {STACK} && exports=$({sys.executable} -m toolchain creation {STACK}) && "
    f'eval "$exports" && exec {shlex.join([*PULUMI, *UP])}',
]
"""The first `up`, as `make up` does it."""

PODS = (110, 111)
"""Two values of one key of one node: the file of that node's kubelet changes, and the kubelet restarts."""


def configuration(hosts: Hosts, sums: Path, pods: int = PODS[0]) -> dict[str, Any]:
    """The stack's configuration. As in the lab, settings leave out what hosts that share a kernel cannot have.

    `pods` is the limit of pods of the last node.
    """
    nodes: dict[str, dict[str, Any]] = {
        host.name: {
            "role": "control-plane" if host.name.startswith("m") else "worker",
            "address": host.address,
            "ssh": {"hostKey": host.host_key},
        }
        for host in hosts.by_name.values()
    }
    nodes[list(nodes)[-1]]["kubelet"] = {"maxPods": pods}
    return {
        "plumbline:cluster": {"name": "bench"},
        "plumbline:machines": {
            "source": "existing",
            "ssh": {"user": "root", "privateKeyFile": str(hosts.login_file)},
        },
        "plumbline:nodes": nodes,
        "plumbline:kubernetes": {"artifacts": {"source": "mirror", "url": mirror.URL, "sha256sums": str(sums)}},
        "plumbline:certificates": {"protectCa": False},
        "plumbline:kubelet": {"failCgroupV1": False, "protectKernelDefaults": False, "failSwapOn": False},
        "plumbline:network": {"resolvers": [], "conntrackLimits": False},
        "plumbline:containerd": {"restrictOomScoreAdj": True},
    }


@dataclass
class Project:
    """The copy in `folder`, with its own state. `variables` is the engine's environment."""

    folder: Path
    variables: dict[str, str] = field(repr=False)

    @classmethod
    def of(cls, folder: Path) -> Project:
        """Copies the tracked files of this checkout, as they are now."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file() and not name.startswith("Pulumi."):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        shutil.copy2(ROOT / "Pulumi.yaml", folder / "Pulumi.yaml")
        (folder / ".venv").symlink_to(ROOT / ".venv")
        return cls(folder, _environment(folder))

    def configure(self, values: dict[str, Any]) -> None:
        """Writes the stack's configuration; its salt stays."""
        file = self.folder / f"Pulumi.{STACK}.yaml"
        former = yaml.safe_load(file.read_text()) if file.exists() else {}
        file.write_text(yaml.safe_dump({**former, "config": values}))

    def begin(self) -> None:
        """A new stack, without state."""
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        (self.folder / "state").mkdir()
        subprocess.run(
            [*PULUMI[:2], "stack", "init", STACK], cwd=self.folder, env=self.variables, check=True, capture_output=True
        )

    @property
    def trace(self) -> Path:
        """The file of the provider's remote operations, if a run writes it."""
        return self.folder / "trace.jsonl"

    def state(self) -> dict[str, Any]:
        """The state as it is stored: its secrets are encrypted."""
        [file] = self.folder.glob(f"state/.pulumi/stacks/*/{STACK}.json")
        data: dict[str, Any] = json.loads(file.read_text())
        return data

    def resources(self) -> int:
        """The number of resources in the state."""
        return len(self.state()["checkpoint"]["latest"]["resources"])


def nodes_written(trace: Path) -> set[str]:
    """The nodes on which files were written, by a run's trace."""
    found = [json.loads(line) for line in trace.read_text().splitlines()]
    return {one["node"] for one in found if one["writes"]}


def changes(printed: str) -> dict[str, int]:
    """The summary's counts by operation, without `unchanged`; empty if nothing changes."""
    _, _, summary = printed.rpartition("Resources:\n")
    found = {}
    for line in summary.splitlines():
        counted = re.fullmatch(r"\s+(?:[-+~=><]+\s*)?(\d+) (?:to )?(\w+)\.?", line)
        if counted is None:
            break
        if counted[2] != "unchanged":
            found[counted[2]] = int(counted[1])
    return found


def _environment(folder: Path) -> dict[str, str]:
    exported = subprocess.run(
        ["bash", "-c", f'eval "$({sys.executable} -m toolchain env)" && env -0'],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    variables = dict(line.split("=", 1) for line in exported.split("\0") if "=" in line)
    variables.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
    own = {"PULUMI_BACKEND_URL": f"file://{folder / 'state'}", "PULUMI_CONFIG_PASSPHRASE": "bench"}
    return {**variables, **own}
