"""Users' own sets on container hosts: metrics-server as an add-on, its drift, and its removal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lab import build
from tests.e2e import api
from tests.e2e.api import Kubectl
from tests.e2e.harness import Project, running_project, wait_for
from tests.tools import programs

pytestmark = [pytest.mark.e2e, pytest.mark.site, pytest.mark.timeout(1500)]
NODES = ("m1", "w1")
STACK = "addons"
SET = "metrics-server"
DEPLOYMENT = ("deployment", "metrics-server", "--namespace", "kube-system")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    def two_nodes(folder: Path) -> None:
        values = yaml.safe_load((folder / "Pulumi.hosts.yaml").read_text())
        nodes = values["config"]["plumbline:nodes"]
        values["config"]["plumbline:nodes"] = {name: nodes[name] for name in NODES}
        (folder / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump(values))
        manifest = (Path(__file__).parent / "metrics-server.yaml").read_text()
        (folder / "add-ons").mkdir()
        (folder / "add-ons/metrics-server.yaml").write_text(manifest.replace("IMAGE", programs.METRICS_SERVER.name))

    with running_project(tmp_path_factory.mktemp("add-ons"), STACK, prepare=two_nodes) as project:
        yield project


@pytest.fixture(scope="module")
def kubectl(project: Project) -> Kubectl:
    return Kubectl(project, ["m1"])


def test_metrics_server_answers(project: Project, kubectl: Kubectl) -> None:
    _import(project, programs.metrics_server(), programs.METRICS_SERVER.name)
    record = {"files": ["add-ons/metrics-server.yaml"], "namespace": "kube-system", "after": ["dns"]}
    project.pulumi("config", "set", "plumbline:addOns", json.dumps({SET: record}))
    print(project.pulumi("up", "--yes"))
    wait_for("metrics of both nodes", lambda: all(f"{one} " in kubectl("top", "nodes", check=False) for one in NODES))
    print(kubectl("top", "nodes"))
    assert project.steps("preview") == []


def test_drift_of_an_add_on_is_shown_and_repaired(project: Project, kubectl: Kubectl) -> None:
    kubectl("label", *DEPLOYMENT, "k8s-app=edited", "--overwrite")
    preview = project.pulumi("preview")
    print(preview)
    assert "Deployment kube-system/metrics-server: metadata.labels.k8s-app: edited -> metrics-server (drift)" in preview
    project.pulumi("up", "--yes")
    assert kubectl.get(*DEPLOYMENT)["metadata"]["labels"]["k8s-app"] == "metrics-server"
    assert project.steps("preview") == []


def test_removed_add_on_is_deleted(project: Project, kubectl: Kubectl) -> None:
    project.pulumi("config", "rm", "plumbline:addOns")
    print(project.pulumi("up", "--yes"))
    assert not kubectl("get", *DEPLOYMENT, "--ignore-not-found").strip()
    assert not kubectl("get", "apiservices", "v1beta1.metrics.k8s.io", "--ignore-not-found").strip()
    assert project.steps("preview") == []


def _import(project: Project, archive: Path, image: str) -> None:
    """Import an image on all nodes: they reach no registry."""
    build.place(archive, project.path / ".lab/mirror" / archive.name)
    for name in NODES:
        project.ssh(
            name,
            f"curl -fsS -o /run/image.tar {api.mirror(project)}/{archive.name}\n"
            "/opt/bin/ctr -n k8s.io images import /run/image.tar >/dev/null\nrm /run/image.tar\n"
            f"/opt/bin/ctr -n k8s.io images label {image} io.cri-containerd.pinned=pinned >/dev/null\n",
            timeout=300,
        )
