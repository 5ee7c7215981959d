"""A cluster of three control-plane nodes on container hosts, and what goes wrong with one of them: `make test-ha`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e import api, faults, renewal, scenarios
from tests.e2e.api import Kubectl
from tests.e2e.harness import Project, running_project

pytestmark = [pytest.mark.e2e, pytest.mark.ha, pytest.mark.timeout(1800)]
MASTERS = ["m1", "m2", "m3"]
ROLES = {**dict.fromkeys(MASTERS, "control-plane"), "w1": "worker"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with running_project(tmp_path_factory.mktemp("ha"), "hosts") as project:
        yield project


@pytest.fixture(scope="module")
def kubectl(project: Project) -> Kubectl:
    kubectl = Kubectl(project, MASTERS)
    api.import_test_image(project, list(ROLES))
    api.deploy_echo(kubectl, 4)
    return kubectl


def test_every_node_is_ready(kubectl: Kubectl) -> None:
    api.every_node_is_ready(kubectl, ROLES)


@pytest.mark.parametrize("master", MASTERS)
@pytest.mark.parametrize("fault", [faults.black_hole, faults.stop], ids=["black-holed", "stopped"])
def test_one_master_away(project: Project, kubectl: Kubectl, master: str, fault: faults.Fault) -> None:
    others = [name for name in ROLES if name != master]
    print(faults.one_master_away(project, kubectl, master, others, fault))


def test_all_leaves_are_renewed_in_one_up(project: Project, kubectl: Kubectl) -> None:
    renewal.all_leaves_in_one_up(project, kubectl, MASTERS)
    api.every_node_is_ready(kubectl, ROLES)


def test_a_second_up_writes_nothing(project: Project) -> None:
    scenarios.a_second_up_writes_nothing(project)
