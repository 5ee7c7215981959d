"""The part of a stack's configuration that the lab reads, and the errors about it."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from builder.errors import UserError
from lab import stack
from lab.context import Lab


def _nodes(**addresses: Any) -> dict[str, Any]:
    return {"nodes": {name: {"role": "worker", "address": address} for name, address in addresses.items()}}


def test_load_config_merges_stack_over_project_defaults(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text(
        "config:\n"
        "  plumbline:machines: {type: object, default: {source: existing}}\n"
        "  plumbline:kubelet: {type: object, default: {}}\n"
        "  plumbline:nodes: {type: object}\n"
    )
    (tmp_path / "Pulumi.x.yaml").write_text("config:\n  plumbline:kubelet: {maxPods: 60}\n")
    assert stack.load_config(tmp_path, "x") == {"machines": {"source": "existing"}, "kubelet": {"maxPods": 60}}


def test_load_config_of_unknown_stack_names_known_stacks(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: x\n")
    for name in ("dev", "hosts"):
        (tmp_path / f"Pulumi.{name}.yaml").write_text("config: {}\n")
    with pytest.raises(UserError, match=r"stack hots: there is no Pulumi\.hots\.yaml; stacks here: dev, hosts$"):
        stack.load_config(tmp_path, "hots")


def test_load_config_names_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.x.yaml").write_text("config: [\n")
    with pytest.raises(UserError, match=r"^Pulumi\.x\.yaml is not YAML: "):
        stack.load_config(tmp_path, "x")


@pytest.mark.parametrize("source", ["existing", "libvirt"])
def test_source_is_that_of_the_machines(source: str) -> None:
    assert stack.source({"machines": {"source": source}}) == source


@pytest.mark.parametrize("machines", [{}, None, {"libvirt": {"network": "10.77.0.0/24"}}])
def test_source_is_required(machines: Any) -> None:
    """The program requires it too."""
    with pytest.raises(UserError, match=r"machines.source is not set: set it to libvirt or existing"):
        stack.source({"machines": machines})


def test_unknown_source_is_refused() -> None:
    with pytest.raises(UserError, match=r"machines.source is 'cloud': set it to libvirt or existing"):
        stack.source({"machines": {"source": "cloud"}})


def test_gateway_is_the_first_address_of_the_network() -> None:
    assert stack.gateway({"machines": {"libvirt": {"network": "10.70.0.0/24"}}}) == "10.70.0.1"
    assert stack.gateway({"machines": {"source": "libvirt"}}) == "10.77.0.1"
    with pytest.raises(UserError, match=r"machines.libvirt.network is '10.70.0': it must be an IPv4 network"):
        stack.gateway({"machines": {"libvirt": {"network": "10.70.0"}}})


def test_container_hosts_keep_names_addresses_and_order() -> None:
    assert stack.container_hosts(_nodes(w1="10.78.0.21", m1="10.78.0.11")) == (
        stack.Host("w1", IPv4Address("10.78.0.21")),
        stack.Host("m1", IPv4Address("10.78.0.11")),
    )


def test_container_hosts_exclude_hosts_outside_the_lab() -> None:
    assert stack.container_hosts(_nodes(m1="192.0.2.11", w1="192.0.2.21")) == ()


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ({}, "nodes: no node is configured"),
        (_nodes(m1="10.78.0.300"), "nodes.m1.address is '10.78.0.300': it must be an IPv4 address"),
        ({"nodes": {"m1": None}}, "nodes.m1.address is None: it must be an IPv4 address"),
        (
            _nodes(m1="10.78.0.11", w1="10.79.0.21"),
            r"nodes.w1.address is 10.79.0.21: if one node is in the lab's network 10.78.0.0/24, all must be",
        ),
        (
            _nodes(m1="10.78.0.11", w1="10.78.0.11"),
            "nodes.w1.address is 10.78.0.11: that is already the address of nodes.m1",
        ),
        (_nodes(m1="10.78.0.1"), "nodes.m1.address is 10.78.0.1: that is already the address of the lab's gateway"),
        (_nodes(m1="10.78.0.255"), "nodes.m1.address is 10.78.0.255: if one node is in the lab's network"),
        (_nodes(**{"M_1": "10.78.0.11"}), "nodes.M_1: a host name has letters a-z"),
        (_nodes(**{"../m1": "10.78.0.11"}), r"nodes.\.\./m1: a host name has letters a-z"),
    ],
)
def test_container_hosts_refuses_invalid_hosts(nodes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        stack.container_hosts(nodes)


@pytest.mark.parametrize("name", ["Lab", "a.b", "../x", "", "a" * 40])
def test_invalid_lab_name_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUMBLINE_LAB", name)
    with pytest.raises(UserError, match="PLUMBLINE_LAB is "):
        Lab.of(tmp_path)
