"""What the lab reads from a stack, and what it says where it cannot."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from lab import stack
from lab.context import Lab, LabError


def _nodes(**addresses: Any) -> dict[str, Any]:
    return {"nodes": {name: {"role": "worker", "address": address} for name, address in addresses.items()}}


def test_settings_come_without_prefix_and_over_the_projects_defaults(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text(
        "config:\n"
        "  plumbline:machines: {type: object, default: {source: existing}}\n"
        "  plumbline:profile: {type: string, default: standard}\n"
        "  plumbline:nodes: {type: object}\n"
    )
    (tmp_path / "Pulumi.x.yaml").write_text("config:\n  plumbline:profile: classic\n")
    assert stack.load(tmp_path, "x") == {"machines": {"source": "existing"}, "profile": "classic"}


def test_a_stack_without_a_file_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: x\n")
    for name in ("dev", "hosts"):
        (tmp_path / f"Pulumi.{name}.yaml").write_text("config: {}\n")
    with pytest.raises(LabError, match=r"stack hots: there is no Pulumi\.hots\.yaml; stacks here: dev, hosts$"):
        stack.load(tmp_path, "hots")


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.x.yaml").write_text("config: [\n")
    with pytest.raises(LabError, match=r"^Pulumi\.x\.yaml is not YAML: "):
        stack.load(tmp_path, "x")


@pytest.mark.parametrize(
    ("machines", "source"), [({"source": "existing"}, "existing"), ({}, "libvirt"), (None, "libvirt")]
)
def test_the_source_of_machines(machines: Any, source: str) -> None:
    assert stack.source({"machines": machines}) == source


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(LabError, match=r"machines.source is 'cloud': it may be libvirt or existing"):
        stack.source({"machines": {"source": "cloud"}})


def test_hosts_keep_names_addresses_and_order() -> None:
    assert stack.container_hosts(_nodes(w1="10.78.0.21", m1="10.78.0.11")) == (
        stack.Host("w1", IPv4Address("10.78.0.21")),
        stack.Host("m1", IPv4Address("10.78.0.11")),
    )


def test_hosts_elsewhere_are_none_of_the_labs() -> None:
    assert stack.container_hosts(_nodes(m1="192.0.2.11", w1="192.0.2.21")) == ()


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ({}, "nodes: no node is configured"),
        (_nodes(m1="10.78.0.300"), "nodes.m1.address is '10.78.0.300': it must be an IPv4 address"),
        ({"nodes": {"m1": None}}, "nodes.m1.address is None: it must be an IPv4 address"),
        (
            _nodes(m1="10.78.0.11", w1="10.79.0.21"),
            r"nodes.w1.address is 10.79.0.21: hosts of the lab are in 10.78.0.0/24",
        ),
        (_nodes(m1="10.78.0.11", w1="10.78.0.11"), "nodes.w1.address is 10.78.0.11: that is nodes.m1 already"),
        (_nodes(m1="10.78.0.1"), "nodes.m1.address is 10.78.0.1: that is the lab's gateway already"),
        (_nodes(m1="10.78.0.255"), "nodes.m1.address is 10.78.0.255: hosts of the lab are in"),
        (_nodes(**{"M_1": "10.78.0.11"}), "nodes.M_1: a host name has letters a-z"),
        (_nodes(**{"../m1": "10.78.0.11"}), r"nodes.\.\./m1: a host name has letters a-z"),
    ],
)
def test_hosts_that_cannot_be_started_are_refused(nodes: dict[str, Any], message: str) -> None:
    with pytest.raises(LabError, match=message):
        stack.container_hosts(nodes)


@pytest.mark.parametrize("name", ["Lab", "a.b", "../x", "", "a" * 40])
def test_a_lab_name_that_would_break_paths_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUMBLINE_LAB", name)
    with pytest.raises(LabError, match="PLUMBLINE_LAB is "):
        Lab.of(tmp_path)
