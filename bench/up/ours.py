"""Bring-up by this program: `pulumi up` of the stack `hosts`, with the commands of `make up`."""

from __future__ import annotations

import json
import time
from typing import Any

from bench.up import files
from bench.up.hosts import STACK, Hosts
from bench.up.readiness import document
from cluster.node import paths
from lab import parts

UP_SECONDS = 600
PREVIEW_SECONDS = 120
PROGRAMS = "/opt/bin"
UNIT = "bench-containerd.service"


class Plumbline:
    """This program. With `prepared`, its programs, archives and imported images are on the hosts before the clock starts."""

    def __init__(self, prepared: bool) -> None:
        self.prepared = prepared
        self.name = "Plumbline, prepared hosts" if prepared else "Plumbline"
        self.operations: list[dict[str, Any]] = []

    def prepare(self, hosts: Hosts) -> float:
        """Prepares hosts and stack; returns the seconds of the preview, which `make up` shows before it begins."""
        if self.prepared:
            hosts.each({host: _preparation(host in hosts.control_plane) for host in hosts.addresses})
        hosts.run(_pulumi(hosts, "stack", "select", "--create", STACK), PREVIEW_SECONDS)
        begun = time.monotonic()
        report = ("--log", ".lab/preview.log", "--json", ".lab/forecast.json", "--")
        preview = _pulumi(hosts, "preview", "--diff", "--stack", STACK)
        hosts.run(hosts.command("report.run", *report, *preview), PREVIEW_SECONDS)
        seconds = time.monotonic() - begun
        hosts.project.operations()
        return seconds

    def bring_up(self, hosts: Hosts) -> dict[str, float]:
        """Runs `pulumi up`; returns the seconds of each command."""
        begun, clock = time.monotonic(), time.time()
        report = ("--forecast", ".lab/forecast.json", "--log", ".lab/up.log", "--")
        up = _pulumi(hosts, "up", "--yes", "--continue-on-error", "--skip-preview", "--stack", STACK)
        hosts.run(hosts.command("report.run", *report, *up), UP_SECONDS)
        seconds = time.monotonic() - begun
        self.operations = [{**one, "at": one["at"] - clock} for one in hosts.project.operations()]
        return {"pulumi up": seconds}

    def read(self, hosts: Hosts, *kinds: str) -> dict[str, Any]:
        """Objects of the cluster, as the API lists them."""
        arguments = ("get", ",".join(kinds), "--all-namespaces", "--output", "json", "--request-timeout", "10s")
        return document(hosts.run(hosts.command("lab", "kubectl", STACK, "--", *arguments), 60))

    def kubeconfig(self, hosts: Hosts) -> str:
        """The admin's kubeconfig. Its current context has the API's name."""
        return hosts.project.secret_output("stack", "output", "kubeconfig")

    def details(self) -> str:
        """The provider's remote operations as JSON, with seconds since the clock started."""
        return json.dumps(self.operations)


def _pulumi(hosts: Hosts, *arguments: str) -> list[str]:
    return hosts.command("lab", "exec", "--", "pulumi", "--non-interactive", "--color", "never", *arguments)


def _preparation(control_plane: bool) -> str:
    """The script that puts programs and images of a node into their places, and leaves no process and no unit."""
    archives = files.images(paths.IMAGES, control_plane, parts.IMAGES)
    return (
        files.fetching([*files.programs(PROGRAMS, control_plane), *archives])
        + f"systemd-run --quiet --unit={UNIT} --property=Delegate=yes {PROGRAMS}/containerd\n"
        + f"timeout 30 sh -c 'until {PROGRAMS}/ctr version >/dev/null 2>&1; do sleep 0.1; done'\n"
        + files.importing(f"{PROGRAMS}/ctr", archives)
        + f"systemctl stop {UNIT}\n"
    )
