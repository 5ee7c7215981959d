"""The cluster as one component: registers the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from cluster import outputs
from cluster.config.addresses import Host
from cluster.config.model import Cluster, Libvirt
from cluster.node import kubeconfig
from cluster.pki.leaves import ADMIN, BOOTSTRAP
from cluster.plan import plan
from cluster.step import CA, CommandStep
from components import former
from components.certificate import issue
from components.certificate_authority import CertificateAuthority, CertificateAuthorityArgs
from components.component import Component
from components.existing_machines import existing_machines
from components.issued import IssuedTexts
from components.machine import Machine
from components.node import Node, NodeArgs
from components.object_set import ApiAccess
from components.preflight import Preflight, PreflightArgs
from components.registrations import answered
from components.shared_keys import SharedKeys
from components.steps import Steps


@dataclass(frozen=True)
class KubernetesClusterArgs:
    """The validated configuration."""

    cluster: Cluster


class KubernetesCluster(Component, token="plumbline:index:KubernetesCluster", formerly=(former.ROOT,)):
    """A cluster from its configuration.

    `certificates` lists the leaf certificates, `nodes` the nodes, `etcd` the etcd members and `control_plane` the
    control-plane pods, as of their last change. `kubeconfig` (the admin's) and `machines` (the SSH connections) are secrets.
    """

    certificates: pulumi.Output[list[dict[str, Any]]]
    nodes: pulumi.Output[list[dict[str, Any]]]
    etcd: pulumi.Output[list[dict[str, Any]]]
    control_plane: pulumi.Output[list[dict[str, str]]]
    kubeconfig: pulumi.Output[str]
    machines: pulumi.Output[dict[str, Any]]

    def __init__(self, name: str, args: KubernetesClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        cluster, planned = args.cluster, plan(args.cluster)
        settings = cluster.certificates
        cas = {
            ca: CertificateAuthority(f"{name}-{ca}", CertificateAuthorityArgs(settings, subject), opts=self.child())
            for ca, subject in planned.cas.items()
        }
        machines = self._machines(name, cluster)
        nodes = {node: Node(node, NodeArgs(machine), opts=self.child()) for node, machine in machines.items()}
        certificates = {
            leaf.name: issue(leaf, cas[leaf.ca], settings, nodes[leaf.node] if leaf.node else self)
            for leaf in planned.leaves
        }
        texts = IssuedTexts(cas, certificates, SharedKeys(name, settings, self))

        def identity(leaf: str, host: Host) -> pulumi.Output[str]:
            certificate = certificates[leaf]
            pems = pulumi.Output.all(
                cas[CA.KUBERNETES].certificate_pem, certificate.certificate_pem, certificate.private_key_pem
            )
            user = certificate.leaf.common_name
            return pulumi.Output.secret(pems.apply(lambda pems: kubeconfig.embedded(cluster, host, user, *pems)))

        api = cluster.kubernetes
        access = ApiAccess(
            [machines[node.name] for node in cluster.control_plane_nodes()],
            identity(BOOTSTRAP, api.internal_endpoint),
            cluster.policy.take_fields_from,
        )
        steps = Steps(planned, self, name, nodes, texts, access)
        first = [step for step in planned.steps if isinstance(step, CommandStep) and step.first_contact]
        for contact in first:
            steps.register(contact)
        steps.wait_for(
            Preflight(
                f"{name}-preflight",
                PreflightArgs(cluster, machines),
                self.child(depends_on=[steps.commands[contact.name] for contact in first]),
            )
        )
        for step in planned.steps:
            if step not in first:
                steps.register(step)
        self._steps = steps
        printed = {step: registered.stdout for step, registered in steps.commands.items()}
        days = {leaf: certificate.summary["daysLeft"] for leaf, certificate in certificates.items()}
        self.certificates = pulumi.Output.all(*[certificate.summary for certificate in certificates.values()])
        kubelets = {node: registered.kubelet for node, registered in steps.registrations.items()}
        self.nodes = pulumi.Output.all(kubelets=kubelets, days=days).apply(
            lambda known: outputs.nodes(cluster, planned.leaves, known["kubelets"], known["days"])
        )
        self.etcd = printed[planned.etcd_quorum].apply(lambda text: outputs.etcd_members(cluster, text))
        self.control_plane = printed[planned.control_plane_ready].apply(outputs.control_plane_pods)
        self.kubeconfig = identity(ADMIN, api.control_plane_endpoint)
        roles = {node.name: node.role for node in cluster.nodes}
        self.machines = pulumi.Output.secret({node: machine.record(roles[node]) for node, machine in machines.items()})
        self.register_outputs(
            {
                "nodes": self.nodes,
                "certificates": self.certificates,
                "etcd": self.etcd,
                "controlPlane": self.control_plane,
            }
        )

    async def answered(self) -> None:
        """Waits until the engine has answered the registration of each step, or has refused it."""
        await answered(self._steps.registered)

    def _machines(self, name: str, cluster: Cluster) -> Mapping[str, Machine]:
        if isinstance(cluster.machines, Libvirt):
            # Loaded only here: pulumi_libvirt takes a tenth of the program's start.
            from components.libvirt_machines import LibvirtMachines, LibvirtMachinesArgs

            settings = LibvirtMachinesArgs(cluster.name, cluster.nodes, cluster.machines)
            return LibvirtMachines(f"{name}-machines", settings, opts=self.child()).machines
        return existing_machines(cluster.machines, cluster.nodes)
