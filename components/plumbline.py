"""The whole cluster as one component: certificates, machines and nodes in one dependency graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from cluster import certificates, kubeconfig, network, versions
from cluster.certificates import ADMINISTRATOR, BOOTSTRAP, Authority, Concern
from cluster.model import Cluster, Source, Subject
from cluster.static_pods import file
from components.add_ons import AddOns, AddOnsArgs
from components.certificate import Certificate, CertificateArgs
from components.certificate_authority import CertificateAuthority, CertificateAuthorityArgs
from components.component import Component
from components.control_plane import ControlPlane, ControlPlaneArgs
from components.etcd import Etcd, EtcdArgs
from components.existing_machines import existing_machines
from components.libvirt_machines import LibvirtMachines, LibvirtMachinesArgs
from components.machine import Machine
from components.node import Node, NodeArgs


@dataclass(frozen=True)
class PlumblineArgs:
    """The validated configuration."""

    cluster: Cluster


class Plumbline(Component):
    """A cluster from its configuration.

    `certificates` lists every leaf, `nodes` every node with what its last verification found; `etcd` its members and
    `control_plane` its pods, as they were when they were last changed. `kubeconfig` (the administrator's) and `machines`
    (how each node is reached) are secrets.
    """

    certificates: pulumi.Output[list[dict[str, Any]]]
    nodes: pulumi.Output[list[dict[str, Any]]]
    etcd: pulumi.Output[list[dict[str, Any]]]
    control_plane: pulumi.Output[list[dict[str, str]]]
    kubeconfig: pulumi.Output[str]
    machines: pulumi.Output[dict[str, Any]]

    def __init__(self, name: str, args: PlumblineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        cluster = args.cluster
        authorities = {
            Authority.KUBERNETES: self._authority(f"{name}-ca", cluster, cluster.certificates.ca_subject),
            Authority.ETCD: self._authority(f"{name}-etcd-ca", cluster, Subject("etcd-ca")),
            Authority.FRONT_PROXY: self._authority(f"{name}-front-proxy-ca", cluster, Subject("front-proxy-ca")),
        }
        issued = {
            leaf.name: Certificate(
                leaf.name,
                CertificateArgs(leaf, cluster.certificates, authorities[leaf.authority]),
                opts=self.child(),
            )
            for leaf in certificates.plan(cluster).leaves
        }
        machines = self._machines(name, cluster)
        nodes = {
            node.name: Node(
                node.name,
                NodeArgs(
                    cluster,
                    node,
                    machines[node.name],
                    authorities,
                    [certificate for certificate in issued.values() if certificate.leaf.node == node.name],
                ),
                opts=self.child(),
            )
            for node in cluster.nodes
        }
        members = {node_name: node.etcd for node_name, node in nodes.items() if node.etcd is not None}
        store = Etcd(f"{name}-etcd", EtcdArgs(cluster, machines, members), opts=self.child())
        self.etcd = store.members
        # The component's own resources are what it waits for: the quorum of all members.
        control = ControlPlane(f"{name}-control-plane", ControlPlaneArgs(cluster, nodes, store), opts=self.child())
        networks = {
            node.name: nodes[node.name].bring(
                "network",
                network.state(cluster, node),
                nodes[node.name].issued(Concern.NETWORK)
                | nodes[node.name].authority(Authority.KUBERNETES, file(versions.KUBE_PROXY, "ca.crt")),
                # kube-proxy is ready once the API has told it of services.
                [nodes[node.name].kubelet, *control.states.values()],
            )
            for node in cluster.nodes
        }

        def identity(leaf: str, host: str) -> pulumi.Output[str]:
            issued_to = issued[leaf]
            return pulumi.Output.secret(
                pulumi.Output.all(
                    authorities[Authority.KUBERNETES].certificate_pem,
                    issued_to.certificate_pem,
                    issued_to.private_key_pem,
                ).apply(lambda pems: kubeconfig.embedded(cluster, host, f"{cluster.name}-{leaf}", *pems))
            )

        add_ons = AddOns(
            f"{name}-add-ons",
            AddOnsArgs(cluster, machines, identity(BOOTSTRAP, cluster.api_name), control.states, networks),
            opts=self.child(),
        )
        registered = add_ons.versions
        self.control_plane = add_ons.pods
        self.certificates = pulumi.Output.all(*[certificate.summary for certificate in issued.values()])
        self.nodes = pulumi.Output.all(*[self._summary(cluster, node, issued, registered) for node in nodes.items()])
        self.kubeconfig = identity(ADMINISTRATOR, cluster.endpoint)
        roles = {node.name: str(node.role) for node in cluster.nodes}
        self.machines = pulumi.Output.secret(
            pulumi.Output.from_input(
                {
                    machine.name: {
                        "role": roles[machine.name],
                        "address": machine.address,
                        "connection": machine.connection.record(),
                    }
                    for machine in machines.values()
                }
            )
        )
        self.register_outputs(
            {
                "nodes": self.nodes,
                "certificates": self.certificates,
                "etcd": self.etcd,
                "controlPlane": self.control_plane,
            }
        )

    def _authority(self, name: str, cluster: Cluster, subject: Subject) -> CertificateAuthority:
        return CertificateAuthority(name, CertificateAuthorityArgs(cluster.certificates, subject), opts=self.child())

    def _machines(self, name: str, cluster: Cluster) -> Mapping[str, Machine]:
        if cluster.source is Source.LIBVIRT:
            return LibvirtMachines(f"{name}-machines", LibvirtMachinesArgs(cluster), opts=self.child()).machines
        return existing_machines(cluster)

    @staticmethod
    def _summary(
        cluster: Cluster,
        item: tuple[str, Node],
        issued: Mapping[str, Certificate],
        registered: Mapping[str, pulumi.Output[str]],
    ) -> pulumi.Output[dict[str, Any]]:
        """One row of the `nodes` output. Days left are those of the node's certificate that expires first."""
        name, node = item
        [settings] = [settings for settings in cluster.nodes if settings.name == name]
        own = [certificate.summary for certificate in issued.values() if certificate.leaf.node == name]
        return pulumi.Output.all(node.version, node.state, registered[name], *own).apply(
            lambda found: {
                "name": name,
                "role": str(settings.role),
                "address": settings.address,
                "version": found[0],
                "state": found[1],
                # It has registered, and has been Ready.
                "ready": bool(found[2]),
                "certificateDaysLeft": min(summary["daysLeft"] for summary in found[3:]),
            }
        )
