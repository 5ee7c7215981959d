"""Images by digest: references in pods and in containerd's configuration, and the import from archives."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cluster import versions
from cluster.addons import coredns
from cluster.config.model import Cluster, Node
from cluster.node import container_runtime, control_plane, kube_proxy, paths
from cluster.node.static_pod import manifest
from tests import clusters

PROXY = f"registry.k8s.io/kube-proxy:{versions.DEFAULT}"
DIGEST = f"sha256:{'ab' * 32}"


def upstream(folder: Path, **artifacts: object) -> Cluster:
    values = clusters.values()
    values["kubernetes"] = {"artifacts": artifacts}
    return clusters.load(folder, values)


def mirror(folder: Path, digests: dict[str, str]) -> Cluster:
    values = clusters.values()
    values["kubernetes"]["artifacts"]["imageDigests"] = digests
    return clusters.load(folder, values)


def pod_images(cluster: Cluster) -> dict[str, str]:
    """The image of each pod of a control-plane node and of CoreDNS, by name."""
    node = cluster.nodes[0]
    pods = (*control_plane.static_pods(cluster, node), kube_proxy.static_pod(cluster, node))
    found = {pod.name: manifest(pod)["spec"]["containers"][0]["image"] for pod in pods}
    [dns] = [one for one in coredns.manifests(cluster) if one["kind"] == "Deployment"]
    return found | {"coredns": dns["spec"]["template"]["spec"]["containers"][0]["image"]}


def test_upstream_images_are_named_by_their_known_digests(tmp_path: Path) -> None:
    found = pod_images(upstream(tmp_path))
    for image in found.values():
        name, _, digest = image.partition("@")
        assert versions.DIGESTS.get(name, "") == digest
    assert sum("@" in image for image in found.values()) == 4


def test_configured_digest_wins(tmp_path: Path) -> None:
    name = versions.COREDNS_IMAGE
    found = pod_images(upstream(tmp_path, imageDigests={PROXY: DIGEST, name: DIGEST}))
    assert (found["kube-proxy"], found["coredns"]) == (f"{PROXY}@{DIGEST}", f"{name}@{DIGEST}")


def test_sandbox_image_has_the_form_that_containerd_compares(tmp_path: Path) -> None:
    cluster = upstream(tmp_path)
    text = container_runtime.plan(cluster, cluster.nodes[0]).state.files[paths.CONTAINERD_CONFIG].text
    assert f'sandbox = "registry.k8s.io/pause@{versions.DIGESTS[versions.PAUSE_IMAGE]}"' in str(text)


def test_known_digests_are_of_images_of_a_release() -> None:
    used = {name for version in versions.SUPPORTED for name in versions.images_of(version)}
    assert versions.DIGESTS.keys() <= used
    assert {len(digest) for digest in versions.DIGESTS.values()} == {len(DIGEST)}


def test_digests_of_this_release_are_not_those_of_a_mirror(tmp_path: Path) -> None:
    assert not any("@" in image for image in pod_images(mirror(tmp_path, {})).values())


def test_archive_with_another_image_is_refused(tmp_path: Path) -> None:
    unit = str(container_runtime.plan(*_on(mirror(tmp_path, {PROXY: DIGEST}))).state.files[paths.IMAGES_UNIT].text)
    [check] = [line for line in unit.splitlines() if "images list" in line]
    assert unit.index(check) < unit.index(f"images tag --force {PROXY} registry.k8s.io/kube-proxy@{DIGEST}")
    script = check.removeprefix("ExecStart=/bin/sh -c '").removesuffix("'")
    assert _checked(tmp_path, script, f"{PROXY} application/x {DIGEST} 1 MiB").returncode == 0
    done = _checked(tmp_path, script, f"{PROXY} application/x sha256:{'cd' * 32} 1 MiB")
    assert done.returncode == 1
    file = f"{paths.IMAGES}/kube-proxy-{versions.DEFAULT}.tar"
    assert done.stderr == f"{PROXY}: {file} is not the image with the digest {DIGEST}\n"


@pytest.mark.parametrize("other", ["", "registry.k8s.io/kube-proxy@"])
def test_probe_shows_a_name_that_was_given_to_another_image(tmp_path: Path, other: str) -> None:
    probe = container_runtime.plan(*_on(mirror(tmp_path, {PROXY: DIGEST}))).state.probes["images"]
    bare = f"registry.k8s.io/kube-proxy@{DIGEST}"
    tags = [name for name in versions.images_of(versions.DEFAULT) if name != PROXY]
    listed = [f"{name} application/x sha256:{'01' * 32} 1 MiB" for name in tags]
    ours = {PROXY: DIGEST, bare: DIGEST}
    rows = [*listed, *(f"{name} application/x {digest} 1 MiB" for name, digest in ours.items())]
    assert _checked(tmp_path, probe.command, "\n".join(rows)).stdout.rstrip("\n") == probe.expected
    ours[bare if other else PROXY] = f"sha256:{'cd' * 32}"
    rows = [*listed, *(f"{name} application/x {digest} 1 MiB" for name, digest in ours.items())]
    assert _checked(tmp_path, probe.command, "\n".join(rows)).stdout.rstrip("\n") != probe.expected


def _on(cluster: Cluster) -> tuple[Cluster, Node]:
    return cluster, cluster.nodes[0]


def _checked(folder: Path, script: str, listed: str) -> subprocess.CompletedProcess[str]:
    """Runs a script with a ctr that prints these lines."""
    program = folder / "ctr"
    program.write_text(f"#!/bin/sh\ncat <<'END'\nREF TYPE DIGEST SIZE\n{listed}\nEND\n")
    program.chmod(0o755)
    local = script.replace("/opt/bin/ctr", str(program))
    return subprocess.run(["sh", "-c", local], text=True, capture_output=True, check=False)
