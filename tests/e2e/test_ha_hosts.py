"""Failures of one of three control-plane nodes, on container hosts: `make test-ha`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e import api, faults, renewal, scenarios
from tests.e2e.api import Kubectl
from tests.e2e.harness import Project, running_project

pytestmark = [pytest.mark.e2e, pytest.mark.ha, pytest.mark.timeout(1800)]
CONTROL_PLANE = ["m1", "m2", "m3"]
ROLES = {**dict.fromkeys(CONTROL_PLANE, "control-plane"), "w1": "worker"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with running_project(tmp_path_factory.mktemp("ha"), "hosts") as project:
        yield project


@pytest.fixture(scope="module")
def kubectl(project: Project) -> Kubectl:
    kubectl = Kubectl(project, CONTROL_PLANE)
    api.import_test_image(project, list(ROLES))
    api.deploy_echo(kubectl, 4)
    return kubectl


def test_nodes_are_ready(kubectl: Kubectl) -> None:
    api.every_node_is_ready(kubectl, ROLES)


@pytest.mark.parametrize("lost", CONTROL_PLANE)
@pytest.mark.parametrize("fault", [faults.black_hole, faults.stop], ids=["black-holed", "stopped"])
def test_cluster_serves_without_one_control_plane_node(
    project: Project, kubectl: Kubectl, lost: str, fault: faults.Fault
) -> None:
    others = [name for name in ROLES if name != lost]
    print(faults.control_plane_node_away(project, kubectl, lost, others, fault))


def test_certificates_are_all_renewed_in_one_up(project: Project, kubectl: Kubectl) -> None:
    renewal.all_leaves_are_renewed(project, kubectl, CONTROL_PLANE)
    api.every_node_is_ready(kubectl, ROLES)


def test_up_is_idempotent(project: Project) -> None:
    scenarios.second_up_writes_nothing(project)
