"""The probes of a node's network on a real host: each fault shows, and the probe's unit repairs it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.node import container_runtime, pod_network
from cluster.plan import plan
from nodestate import Probe
from tests import clusters
from tests.provider import container

FAULTS = {
    "deleted route": ("routes", "ip route del 10.2.12.0/24", "missing: 10.2.12.0/24 via 10.78.0.12"),
    "route to another node": (
        "routes",
        "ip route replace 10.2.12.0/24 via 10.78.0.99 proto 112",
        "not listed: 10.2.12.0/24 via 10.78.0.99\nmissing: 10.2.12.0/24 via 10.78.0.12",
    ),
    "route that is not listed": (
        "routes",
        "ip route add 10.9.0.0/24 via 10.78.0.12 proto 112",
        "not listed: 10.9.0.0/24 via 10.78.0.12",
    ),
    "flushed nftables": ("masquerading", "nft flush ruleset", "nothing"),
    "flushed table": ("masquerading", "nft flush table ip plumbline", "nothing"),
    "rule of another": (
        "masquerading",
        "nft insert rule ip plumbline postrouting ip saddr 10.2.11.7 return",
        "10.2.11.0/24 to addresses outside 10.2.0.0/16; also ip saddr 10.2.11.7 return",
    ),
    "no forwarding": ("forwarding", "sysctl -qw net.ipv4.ip_forward=0", "0"),
}


@pytest.fixture(scope="module")
def probes(systemd: container.Container, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Probe]]:
    """The probes of m1, on a host that has its files."""
    values = clusters.values()
    values["machines"]["libvirt"]["network"] = "10.78.0.0/24"
    for number, name in ((11, "m1"), (12, "m2"), (13, "m3"), (21, "w1")):
        values["nodes"][name]["address"] = f"10.78.0.{number}"
    planned = plan(clusters.load(tmp_path_factory.mktemp("plan"), values))
    [state] = [step.state for step in planned.of_node("m1") if step.component == container_runtime.COMPONENT]
    found = {name: probe for name, probe in state.probes.items() if probe.unit == pod_network.ROUTES_UNIT}
    files = [path for one in state.reactions if one.unit == pod_network.ROUTES_UNIT for path in one.files]
    for path in files:
        encoded = base64.b64encode((state.files[path].text or "").encode()).decode()
        systemd.run(
            f"mkdir -p {Path(path).parent}; echo {encoded} | base64 -d >{path}; chmod {state.files[path].mode} {path}"
        )
    systemd.run(f"systemctl daemon-reload; systemctl restart {pod_network.ROUTES_UNIT}")
    yield found
    systemd.run(
        f"systemctl stop {pod_network.ROUTES_UNIT}; rm -f {' '.join(files)}; systemctl daemon-reload; "
        "nft delete table ip plumbline; ip route flush proto 112"
    )


def output(host: container.Container, probe: Probe) -> str:
    return host.run(f"timeout {probe.seconds} sh -c {_quoted(probe.command)}").removesuffix("\n")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def test_probes_find_what_the_units_bring_about(systemd: container.Container, probes: dict[str, Probe]) -> None:
    assert {name: output(systemd, probe) for name, probe in probes.items()} == {
        name: probe.expected for name, probe in probes.items()
    }


@pytest.mark.parametrize("fault", FAULTS)
def test_probe_shows_fault_and_unit_repairs_it(
    systemd: container.Container, probes: dict[str, Probe], fault: str
) -> None:
    name, command, shown = FAULTS[fault]
    probe = probes[name]
    systemd.run(command)
    assert output(systemd, probe) == shown
    systemd.run(f"systemctl reload {probe.unit}")
    assert output(systemd, probe) == probe.expected
