"""The kubelet, the container runtime and the pod routes of stack `hosts`, as the program itself renders them.

The control plane is not among them: the kubelets' API server runs beside the hosts (control_plane.py).
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cluster import plan as planning
from cluster import versions
from cluster.config.addresses import url
from cluster.config.load import load_config
from cluster.config.model import Cluster
from cluster.node import container_runtime, kubelet, paths
from cluster.node.binaries import binaries
from cluster.node.kubeconfig import API_PORT
from cluster.rendering import dump_yaml
from cluster.step import NodeStateStep, Part
from nodestate import File, NodeState, to_wire
from tests.forecast.hosts import Hosts

POD = "proof"
POD_UNIT = f"{POD}.service"
POD_UNIT_FILE = f"{paths.UNITS}/{POD_UNIT}"
POD_MANIFEST = f"{paths.MANIFESTS}/{POD}.yaml"
PUBLIC = {"mode": "0644", "owner": "root", "group": "root"}
UNIT_TEXT = f"""[Unit]
Wants=kubelet.service
After=kubelet.service
[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=300
ExecStart={{script}} {POD} {POD_MANIFEST}
[Install]
WantedBy=multi-user.target
"""


class Issuer:
    """A CA that issues the certificates of the rendered states."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._issue("forecast-ca", self._key, "forecast-ca", ca=True)

    def leaf(self, name: str, address: str | None = None) -> tuple[str, str]:
        """A new certificate for `name`, served at `address` if there is one, and its private key, in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        return self._issue(name, key, "forecast-ca", address=address), key.private_bytes(
            encoding, form, serialization.NoEncryption()
        ).decode()

    def _issue(
        self, name: str, key: ec.EllipticCurvePrivateKey, issuer: str, ca: bool = False, address: str | None = None
    ) -> str:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if address is not None:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False
            )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def load(hosts: Hosts) -> Cluster:
    """The configuration of stack `hosts`, with the keys and checksums of this lab."""
    return load_config(hosts.configured, hosts.lab.project)


def components(cluster: Cluster, node: str, issuer: Issuer, api: str) -> dict[str, dict[str, Any]]:
    """The NodeStates of a node by component, in their order, in wire form. `api` is the URL of the API server."""
    steps = {step.component: step for step in planning.plan(cluster).of_node(node)}
    runtime, agent = steps[container_runtime.COMPONENT], steps[kubelet.COMPONENT]
    return {
        "runtime": to_wire(replace(_pause_only(runtime.state, cluster), rollout=None)),
        "kubelet": _issued(agent, issuer, url(cluster.kubernetes.internal_endpoint, API_PORT), api),
        "pod": _own(cluster),
    }


def _issued(step: NodeStateStep, issuer: Issuer, declared: str, api: str) -> dict[str, Any]:
    text = step.state.files[paths.KUBECONFIG].text
    assert text is not None and declared in text
    files: dict[str, File] = {
        paths.KUBECONFIG: replace(step.state.files[paths.KUBECONFIG], content=text.replace(declared, api))
    }
    pairs: dict[str, tuple[str, str]] = {}
    for file in step.issued:
        if file.text.of == "ca":
            files[file.path] = File(issuer.certificate, mode=file.mode)
            continue
        pair = pairs.setdefault(file.text.of, issuer.leaf(file.text.of))
        files[file.path] = File(pair[0] if file.text.part is Part.CERTIFICATE else pair[1], mode=file.mode)
    return to_wire(replace(step.state, files={**step.state.files, **files}, rollout=None))


def _pause_only(state: NodeState, cluster: Cluster) -> NodeState:
    """Only the pause image is imported: no other pod runs here, and the other images are hundreds of megabytes."""
    artifacts = cluster.kubernetes.artifacts
    few = replace(
        cluster,
        kubernetes=replace(
            cluster.kubernetes,
            artifacts=replace(artifacts, images=tuple(one for one in artifacts.images if "pause" in one.name)),
        ),
    )
    return container_runtime.plan(few, few.nodes[-1]).state


def manifest(image: str, note: str) -> str:
    """The manifest of a static pod that sleeps."""
    return dump_yaml(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": POD, "namespace": "kube-system", "annotations": {"note": note}},
            "spec": {
                "hostNetwork": True,
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": POD, "image": image, "imagePullPolicy": "Never"}],
            },
        }
    )


def _own(cluster: Cluster) -> dict[str, Any]:
    image = versions.PAUSE_IMAGE
    return {
        "files": {
            POD_MANIFEST: {"content": manifest(image, "0"), "mode": "0600", "owner": "root", "group": "root"},
            POD_UNIT_FILE: {"content": UNIT_TEXT.format(script=binaries(cluster).static_pod), **PUBLIC},
        },
        "directories": {},
        "units": {POD_UNIT: {"enabled": True, "active": True}},
        "reactions": [{"unit": POD_UNIT, "action": "restart", "files": [POD_MANIFEST]}],
    }
