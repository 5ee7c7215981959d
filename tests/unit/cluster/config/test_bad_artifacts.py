"""Errors of `kubernetes`: version and artifacts."""

from __future__ import annotations

from typing import Any

import pytest

from cluster import versions
from tests.unit.cluster.config.conftest import KUBELET, Errors

DIGEST = f"sha256:{'ab' * 32}"
OTHER = versions.SUPPORTED[1]
KUBE_PROXY = f"registry.k8s.io/kube-proxy:{versions.DEFAULT}"
TYPO = KUBE_PROXY.replace("proxy", "prxy")
NO_IMAGE = f"is no image of a cluster with Kubernetes {versions.DEFAULT}:"
CASES: list[tuple[str, dict[str, Any], str]] = [
    (
        "endpoint with a port",
        {"kubernetes/controlPlaneEndpoint": "10.77.0.5:6443"},
        "kubernetes.controlPlaneEndpoint: '10.77.0.5:6443' is neither a DNS domain nor an IPv4 address",
    ),
    (
        "endpoint that is half an address",
        {"kubernetes/controlPlaneEndpoint": "10.77.0"},
        "kubernetes.controlPlaneEndpoint: '10.77.0' is neither a DNS domain nor an IPv4 address",
    ),
    (
        "unsupported version",
        {"kubernetes/version": "v1.7.5"},
        f"kubernetes.version: 'v1.7.5' is not one of {', '.join(versions.SUPPORTED)}",
    ),
    (
        "mirror without its checksums",
        {"kubernetes/artifacts": {"source": "mirror", "url": "http://mirror:8080", "sha256sums": "none"}},
        "kubernetes.artifacts.sha256sums: none cannot be read; run `make up` once, or build the lab's files with `make lab`",
    ),
    (
        "artifact without checksum",
        {"kubernetes/artifacts": {"source": "mirror", "url": "http://mirror:8080", "sha256sums": "sums"}},
        f"kubernetes.artifacts.sha256sums: sums has no sha256 for runc/{versions.RUNC}/runc",
    ),
    (
        "bad URL",
        {"kubernetes/artifacts": {"source": "mirror", "url": "ftp://mirror", "sha256sums": "sums"}},
        "kubernetes.artifacts.url: 'ftp://mirror' is not a http:// or https:// URL",
    ),
    (
        "mirror without a URL",
        {"kubernetes/artifacts": {"source": "mirror", "sha256sums": "sums"}},
        "kubernetes.artifacts.url: is missing: the URL below which the mirror serves its tree",
    ),
    (
        "mirror without checksums",
        {"kubernetes/artifacts": {"source": "mirror", "url": "http://mirror:8080"}},
        "kubernetes.artifacts.sha256sums: is missing: the mirror's checksum file, in the format of sha256sum",
    ),
    (
        "URL without a mirror",
        {"kubernetes/artifacts": {"url": "http://mirror:8080"}},
        "kubernetes.artifacts.url: is for artifacts.source mirror; upstream files are pinned by this release",
    ),
    (
        "digest of an image with a typo",
        {"kubernetes/artifacts": {"imageDigests": {TYPO: DIGEST}}},
        f"kubernetes.artifacts.imageDigests.{TYPO}: {NO_IMAGE} did you mean {KUBE_PROXY}?",
    ),
    (
        "digest of a former version's image",
        {"kubernetes/version": OTHER, "kubernetes/artifacts": {"imageDigests": {KUBE_PROXY: DIGEST}}},
        f"kubernetes.artifacts.imageDigests.{KUBE_PROXY}: is no image of a cluster with Kubernetes {OTHER}: "
        f"did you mean registry.k8s.io/kube-proxy:{OTHER}?",
    ),
    (
        "digest of a foreign image",
        {"kubernetes/artifacts": {"imageDigests": {"nginx:1": DIGEST}}},
        f"kubernetes.artifacts.imageDigests.nginx:1: {NO_IMAGE} the images are "
        f"{', '.join(versions.images_of(versions.DEFAULT))}",
    ),
    (
        "digest that is cut off",
        {"kubernetes/artifacts": {"imageDigests": {KUBE_PROXY: DIGEST[:-1]}}},
        f"kubernetes.artifacts.imageDigests.{KUBE_PROXY}: '{DIGEST[:-1]}' is not an image's digest: sha256: and 64 digits of 0-9 and a-f",
    ),
    (
        "checksum file that is damaged after the needed line",
        {"kubernetes/artifacts": {"source": "mirror", "url": "http://mirror:8080", "sha256sums": "torn"}},
        "kubernetes.artifacts.sha256sums: torn, line 2 is not '<sha256>  <name>', the format of sha256sum",
    ),
    (
        "checksum file with two checksums of one file",
        {"kubernetes/artifacts": {"source": "mirror", "url": "http://mirror:8080", "sha256sums": "double"}},
        f"kubernetes.artifacts.sha256sums: double, line 2 has a second sha256 for {KUBELET}: remove the wrong line",
    ),
    (
        "checksum file that is not text",
        {"kubernetes/artifacts": {"source": "mirror", "url": "http://mirror:8080", "sha256sums": "binary"}},
        "kubernetes.artifacts.sha256sums: binary is not text: it must be a file in the format of sha256sum",
    ),
]


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_load_config_refuses(libvirt_errors: Errors, change: dict[str, Any], message: str) -> None:
    assert message in libvirt_errors(change)
