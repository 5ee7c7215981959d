"""Kubernetes' own end-to-end specs and the CIS benchmark on container hosts: `make test-conformance`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e import api, benchmark, conformance
from tests.e2e.api import Kubectl
from tests.e2e.harness import Project, running_project

pytestmark = [pytest.mark.e2e, pytest.mark.conformance, pytest.mark.timeout(3600)]
CONTROL_PLANE = ["m1", "m2", "m3"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with running_project(tmp_path_factory.mktemp("conformance"), "hosts") as project:
        yield project


def test_conformance_specs_pass(project: Project) -> None:
    kubectl = Kubectl(project, CONTROL_PLANE)
    nodes = [*CONTROL_PLANE, "w1"]
    api.import_test_image(project, nodes)
    print(conformance.specs_pass(project, kubectl, nodes)[-3000:])


@pytest.mark.parametrize(("node", "role"), [("m1", "control-plane"), ("w1", "worker")])
def test_cis_benchmark_fails_only_waived_items(project: Project, node: str, role: str) -> None:
    result = benchmark.run(project, node, role)
    print({status: sorted(items) for status, items in result.items.items()})
    assert len(result.of("PASS")) > 10, result.items
    assert not {item: what for item, what in result.of("FAIL").items() if item not in benchmark.waived()}


def test_cis_benchmark_checks_the_owner_of_etcds_data(project: Project) -> None:
    """The item passes, and it is the directory's owner that it looks at."""
    assert benchmark.ETCD_OWNER in benchmark.run(project, "m1", "control-plane").of("PASS")
    project.ssh("m1", "chown root:root /var/lib/etcd")
    try:
        assert benchmark.ETCD_OWNER in benchmark.run(project, "m1", "control-plane").of("FAIL")
    finally:
        project.ssh("m1", "chown etcd:etcd /var/lib/etcd")
