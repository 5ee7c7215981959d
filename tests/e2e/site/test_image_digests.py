"""Images from archives by digest: what pods run, a name given to another image, and an archive with another image."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cluster import versions
from cluster.node import container_runtime, paths
from tests.e2e.api import Kubectl
from tests.e2e.captured import check_captured
from tests.e2e.harness import Project, running_project, wait_for
from tests.e2e.scenarios import second_up_writes_nothing

pytestmark = [pytest.mark.e2e, pytest.mark.site, pytest.mark.timeout(1800)]
CTR = "/opt/bin/ctr --namespace k8s.io"
KEY = "kubernetes.artifacts.imageDigests"
SCHEDULER = versions.image("kube-scheduler", versions.DEFAULT)
PROXY = versions.image("kube-proxy", versions.DEFAULT)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with running_project(tmp_path_factory.mktemp("digests"), "hosts") as project:
        yield project


def digests(project: Project, node: str) -> dict[str, str]:
    """The digests of the images of a node, by name."""
    rows = [line.split() for line in project.ssh(node, f"{CTR} images list").splitlines()]
    return {row[0]: row[2] for row in rows if len(row) > 2 and row[2].startswith("sha256:")}


def pin(project: Project, image: str, digest: str) -> None:
    project.set(f'{KEY}["{image}"]', digest)


def running(kubectl: Kubectl, name: str) -> set[tuple[str, str]]:
    """The image that the pods with this name's beginning ask for, and the one that they run."""
    pods = kubectl.get("pods", "--namespace", "kube-system")["items"]
    return {
        (pod["spec"]["containers"][0]["image"], pod["status"]["containerStatuses"][0]["imageID"].rpartition("@")[2])
        for pod in pods
        if pod["metadata"]["name"].startswith(name)
    }


def test_pinned_images_run_by_their_digest(project: Project) -> None:
    found = digests(project, "m1")
    assert found == {**digests(project, "m2"), **{one: found[one] for one in found if one.startswith("sha256:")}}
    for image in versions.images_of(versions.DEFAULT):
        pin(project, image, found[image])
    preview = project.pulumi("preview", "--diff")
    assert f"image: {SCHEDULER}@{found[SCHEDULER]}" in preview
    project.pulumi("up", "--yes")
    kubectl = Kubectl(project, ["m1", "m2", "m3"])
    for name, image in (("kube-scheduler", SCHEDULER), ("kube-proxy", PROXY), ("coredns", versions.COREDNS_IMAGE)):
        wait_for(
            f"{name} by digest", lambda n=name, i=image: {one for one, _ in running(kubectl, n)} == {f"{i}@{found[i]}"}
        )
        print(sorted(running(kubectl, name)))
    sandbox = project.ssh("w1", f"grep -h sandbox {paths.CONTAINERD_CONFIG}")
    assert sandbox.strip() == f'sandbox = "registry.k8s.io/pause@{found[versions.PAUSE_IMAGE]}"'
    second_up_writes_nothing(project)


def test_name_given_to_another_image_is_shown_and_repaired(project: Project) -> None:
    found = digests(project, "w1")
    project.ssh(
        "w1",
        f"{CTR} images tag --force {versions.PAUSE_IMAGE} {PROXY}\n"
        f"{CTR} images label {PROXY} io.cri-containerd.pinned=pinned",
    )
    assert digests(project, "w1")[PROXY] == found[versions.PAUSE_IMAGE]
    preview = project.pulumi("preview", "--diff", "--refresh")
    assert "w1: plumbline-images.service will restart because" in preview, preview[-3000:]
    check_captured("image-drift", project.make("preview"))
    project.pulumi("up", "--yes", "--refresh")
    assert digests(project, "w1")[PROXY] == found[PROXY]
    second_up_writes_nothing(project)


def test_archive_with_another_image_is_refused(project: Project) -> None:
    right = json.loads(project.pulumi("config", "get", "--path", f'plumbline:{KEY}["{PROXY}"]', "--json"))["value"]
    before = project.started("w1", container_runtime.CONTAINERD)
    pin(project, PROXY, f"sha256:{'0' * 64}")
    try:
        printed = project.pulumi("up", "--yes", check=False)
    finally:
        pin(project, PROXY, right)
    said = f"{PROXY}: {paths.IMAGES}/kube-proxy-{versions.DEFAULT}.tar is not the image with the digest sha256:000"
    assert said in printed, printed[-5000:]
    assert "the previous files were put back" in printed
    check_captured("image-refused", printed)
    project.pulumi("up", "--yes")
    assert before == project.started("w1", container_runtime.CONTAINERD)
    second_up_writes_nothing(project)
