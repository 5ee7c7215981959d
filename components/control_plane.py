"""API server, controller manager and scheduler on every control-plane node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from cluster.config import model
from cluster.node import control_plane
from cluster.node.control_plane import API_SERVER, CONTROLLER_MANAGER, SCHEDULER
from cluster.node.static_pod import file
from cluster.pki.leaves import Authority, Concern
from components.certificate_authority import private_key
from components.component import Component
from components.node import Node
from components.node_state import IssuedFile, NodeStateResource


@dataclass(frozen=True)
class ControlPlaneArgs:
    """`nodes` are the components of all nodes by name; `store` is what the API servers' etcd waits for."""

    cluster: model.Cluster
    nodes: Mapping[str, Node]
    store: pulumi.Resource


class ControlPlane(Component):
    """Brings the control plane to its nodes, one node at a time once it is there.

    `states` are the nodes' by name: what waits for the API depends on them. The keys that sign service accounts' tokens
    and encrypt secrets at rest are the plan's own, the same on every control-plane node.
    """

    states: dict[str, NodeStateResource]

    def __init__(self, name: str, args: ControlPlaneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        cluster = args.cluster
        protect = cluster.certificates.protect_ca
        signing = private_key(
            f"{name}-service-account-key", cluster.certificates.algorithm, self.child(protect=protect)
        )
        # Without it no secret in etcd can be read again.
        at_rest = private_key(f"{name}-encryption-key", "ECDSA", self.child(protect=protect))
        encryption: pulumi.Output[str] = pulumi.Output.secret(at_rest.private_key_pem.apply(control_plane.encryption))
        signing_pem: pulumi.Output[str] = pulumi.Output.secret(signing.private_key_pem)
        shared = {
            file(API_SERVER, "service-account.key"): IssuedFile(signing_pem),
            file(API_SERVER, "service-account.pub"): IssuedFile(signing.public_key_pem, mode="0644"),
            file(CONTROLLER_MANAGER, "service-account.key"): IssuedFile(signing_pem),
            file(API_SERVER, "encryption.yaml"): IssuedFile(encryption),
        }
        self.states = {}
        for node in cluster.control_plane():
            owner = args.nodes[node.name]
            issued = (
                shared
                | owner.issued(Concern.CONTROL_PLANE)
                | owner.authority(
                    Authority.KUBERNETES, *(file(one, "ca.crt") for one in (API_SERVER, CONTROLLER_MANAGER, SCHEDULER))
                )
                | owner.authority(Authority.ETCD, file(API_SERVER, "etcd-ca.crt"))
                | owner.authority(
                    Authority.FRONT_PROXY,
                    *(file(one, "front-proxy-ca.crt") for one in (API_SERVER, CONTROLLER_MANAGER)),
                )
            )
            self.states[node.name] = owner.bring(
                "control-plane",
                control_plane.state(cluster, node),
                issued,
                # The kubelet runs the pods; an API server without a store gives up.
                [owner.kubelet, args.store],
            )
        self.register_outputs({})
