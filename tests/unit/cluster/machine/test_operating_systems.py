"""All that differs from one operating system to another is in its facts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from cluster.config.model import Cluster, Libvirt, OperatingSystem
from cluster.machine.operating_systems import FACTS, Folders
from cluster.plan import plan

BIN_IN_OPT = re.compile(r"/opt/[\w/-]*bin\b")


def planned(cluster: Cluster, system: OperatingSystem) -> str:
    """The plan of a cluster of VMs with this system: paths, texts of files, hooks and scripts."""
    assert isinstance(cluster.machines, Libvirt)
    return repr(plan(replace(cluster, machines=replace(cluster.machines, operating_system=system))))


def test_every_operating_system_has_facts() -> None:
    assert FACTS.keys() == set(OperatingSystem)


@pytest.mark.parametrize("system", OperatingSystem)
def test_programs_are_in_the_folders_of_the_operating_system(cluster: Cluster, system: OperatingSystem) -> None:
    folders = FACTS[system].folders
    text = planned(cluster, system)
    assert f"{folders.programs}/kubelet" in text
    assert f"{folders.cni_plugins}/host-local" in text
    assert {*BIN_IN_OPT.findall(text)} <= {folders.programs, folders.cni_plugins}


def test_no_program_is_in_a_read_only_opt(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = Folders("/var/lib/programs", "/var/lib/plugins")
    debian = FACTS[OperatingSystem.DEBIAN]
    monkeypatch.setitem(FACTS, OperatingSystem.DEBIAN, replace(debian, folders=folders))
    text = planned(cluster, OperatingSystem.DEBIAN)
    assert "/var/lib/programs/kubelet" in text
    assert BIN_IN_OPT.findall(text) == []
