"""Drift of the running system: what is not in any file of the program, shown in the preview and repaired by `up`."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.e2e.harness import Project, wait_for
from tests.e2e.scenarios import second_up_writes_nothing

HAND = "/etc/systemd/system/kubelet.service.d/90-hand.conf"
CRASH = "/run/systemd/system/containerd.service.d/90-hand.conf"
MANIFEST = "/etc/kubernetes/manifests/hand.yaml"


@dataclass(frozen=True)
class Fault:
    """`make` brings it about, `shown` is a pattern of the preview, `repaired` succeeds once it is gone."""

    make: str
    shown: str
    repaired: str


def _drop_in(path: str, lines: str) -> str:
    return f"mkdir -p {path.rpartition('/')[0]}; printf '[Service]\\n{lines}\\n' >{path}; systemctl daemon-reload\n"


FAULTS = {
    "foreign drop-in": Fault(
        _drop_in(HAND, "Environment=HAND=1") + "systemctl restart kubelet.service",
        rf"{HAND}",
        f"! test -e {HAND}; ! tr '\\0' '\\n' </proc/$(systemctl show -P MainPID kubelet.service)/environ | grep -q HAND=1",
    ),
    "foreign static pod": Fault(
        f"printf 'apiVersion: v1\\nkind: Pod\\nmetadata: {{name: hand}}\\n' >{MANIFEST}",
        rf"{MANIFEST}",
        f"! test -e {MANIFEST}",
    ),
    "deleted route": Fault(
        "ip route del $(ip -4 route show proto 112 | head -n 1 | cut -d ' ' -f 1)",
        r"missing: 10\.2\.",
        "test $(ip -4 route show proto 112 | wc -l) = $(wc -l </etc/plumbline/routes)",
    ),
    "flushed nftables": Fault(
        "nft flush table ip plumbline; nft delete table ip plumbline", r"masquerading", "nft list table ip plumbline"
    ),
    "no forwarding": Fault(
        "echo 0 >/proc/sys/net/ipv4/ip_forward", r"forwarding", "grep -qx 1 /proc/sys/net/ipv4/ip_forward"
    ),
    "crash loop": Fault(
        _drop_in(CRASH, "ExecStartPre=/bin/false\\nRestartSec=1") + "systemctl --no-block restart containerd.service",
        r"containerd\.service",
        f"! test -e {CRASH}; systemctl is-active containerd.service",
    ),
    "process older than its files": Fault(
        "cp -p /etc/kubernetes/kubelet.yaml /run/kubelet.yaml; sed -i 's/^maxPods: .*/maxPods: 13/' /etc/kubernetes/kubelet.yaml\n"
        "systemctl restart kubelet.service\n"
        # Ages are compared in whole seconds.
        'kubelet=$(date -d "$(systemctl show -P ExecMainStartTimestamp kubelet.service)" +%s)\n'
        "until test $(date +%s) -ge $((kubelet + 3)); do sleep 1; done\n"
        "cat /run/kubelet.yaml >/etc/kubernetes/kubelet.yaml",
        r"kubelet\.service.*restart|restart.*kubelet\.service",
        'test -z "$(find /etc/kubernetes/kubelet.yaml -newermt "$(systemctl show -P ActiveEnterTimestamp kubelet.service)")"',
    ),
    "masked at run time": Fault(
        "ln -sf /dev/null /run/systemd/system/plumbline-routes.service; systemctl daemon-reload",
        r"plumbline-routes\.service.*masked",
        "! test -e /run/systemd/system/plumbline-routes.service",
    ),
    # It does not end, so the kubelet does not start it again until its liveness probe has failed often enough.
    "hanging static pod": Fault(
        "pkill -STOP -x kube-proxy",
        r"kube-proxy.*not ready",
        "curl --fail --silent http://127.0.0.1:10256/healthz",
    ),
}


def drift_of_the_running_system(project: Project, node: str, others: Sequence[str], fault: str) -> None:
    """The preview names the fault on this node and on no other; `up` repairs it and leaves the other nodes alone."""
    one = FAULTS[fault]
    before = {name: project.started(name) for name in others}
    project.ssh(node, one.make)
    preview = project.pulumi("preview", "--diff")
    assert re.search(one.shown, preview), preview
    assert f"{others[0]}: " not in preview
    project.pulumi("up", "--yes")
    project.ssh(node, one.repaired)
    assert before == {name: project.started(name) for name in others}
    second_up_writes_nothing(project)


def refused_setting_stops_at_the_first_node(project: Project, groups: Sequence[Sequence[str]]) -> float:
    """A setting that stops kubelets: the first node of each group is rolled back and Ready again, the others are untouched.

    Returns the seconds of the failed update.
    """
    nodes = [name for group in groups for name in group]
    before = {name: project.started(name) for name in nodes}
    project.set("kubelet.reservedSystemCPUs", "900-901")
    began = time.monotonic()
    try:
        printed = project.pulumi("up", "--yes", check=False)
        seconds = time.monotonic() - began
        first = {group[0] for group in groups}
        assert {name for name in nodes if before[name] != project.started(name)} == first
        for name in first:
            assert f"{name}: kubelet.service is not ready" in printed
        for name in nodes:
            wait_for(
                f"the kubelet of {name} is healthy",
                lambda name=name: project.ssh(name, "curl -fsS http://127.0.0.1:10248/healthz || true").strip() == "ok",
            )
            assert "reservedSystemCPUs" not in project.ssh(name, "cat /etc/kubernetes/kubelet.yaml")
    finally:
        project.unset("kubelet.reservedSystemCPUs")
    second_up_writes_nothing(project)
    return seconds


def kubelet_refuses_before_the_swap(project: Project, node: str) -> None:
    """A setting that the kubelet refuses is refused on the node before any file is replaced: the kubelet is not restarted."""
    assert "cgroup2" not in project.ssh(node, "stat -f -c %T /sys/fs/cgroup"), "needs a host with control groups v1"
    before = project.started(node)
    good = project.ssh(node, "sha256sum /etc/kubernetes/kubelet.yaml")
    project.set(f"nodes.{node}.kubelet.failCgroupV1", "true")
    try:
        printed = project.pulumi("up", "--yes", check=False)
        assert "the kubelet refuses its configuration" in printed
        assert "cgroup v1" in printed
        assert project.started(node) == before
        assert project.ssh(node, "sha256sum /etc/kubernetes/kubelet.yaml") == good
    finally:
        project.unset(f"nodes.{node}.kubelet.failCgroupV1")
    second_up_writes_nothing(project)
