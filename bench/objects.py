"""A no-op preview with drift check of sets behind the API: 40 objects beside none, in one run.

`python bench/objects.py [--runs N]` prints medians and their difference. A real API server and a real sshd on loopback.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.api import server
from tests.api.conftest import Manifest, Sets
from tests.provider import sshd

OBJECTS = 40


def manifests() -> list[Manifest]:
    """ConfigMaps, Deployments, Roles and Services in equal parts."""
    found: list[Manifest] = []
    for number in range(OBJECTS // 4):
        meta = {"name": f"bench-{number}", "namespace": "default"}
        labels = {"app": meta["name"]}
        pod: dict[str, Any] = {"containers": [{"name": "main", "image": "a:1", "ports": [{"containerPort": 80}]}]}
        template = {"metadata": {"labels": labels}, "spec": pod}
        rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
        found += [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": "b\n" * 50}},
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": meta,
                "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
            },
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": [rule]},
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": meta,
                "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]},
            },
        ]
    return found


def measure(stack: Sets) -> float:
    """Seconds of one preview with refresh; it must find no change."""
    began = time.monotonic()
    changed = stack.rows(refresh=True)
    assert changed == {}, changed
    return time.monotonic() - began


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as folder, server.running(Path(folder) / "api") as api:
        login = sshd.start(Path(folder) / "sshd")
        try:
            stacks = {count: Sets(Path(folder) / f"stack-{count}", api, {"m1": login}) for count in (0, OBJECTS)}
            stacks[OBJECTS].manifests = manifests()
            for stack in stacks.values():
                stack.up()
            times: dict[int, list[float]] = {count: [] for count in stacks}
            for _ in range(runs):
                for count, stack in stacks.items():
                    times[count].append(measure(stack))
            none, all_of_them = (statistics.median(times[count]) for count in stacks)
            print(f"no-op preview with refresh, medians of {runs} alternating runs")
            print(
                f"  0 objects: {none:.2f} s\n  {OBJECTS} objects: {all_of_them:.2f} s\n  difference: {all_of_them - none:.2f} s"
            )
            for stack in stacks.values():
                stack.destroy()
        finally:
            login.stop()


if __name__ == "__main__":
    main()
