"""One node: a machine made into a Kubernetes node."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_command as command

from cluster.config import model
from cluster.node import container_runtime, etcd, kubelet, paths
from cluster.pki.leaves import Authority, Concern
from components.certificate import Certificate
from components.certificate_authority import CertificateAuthority
from components.component import Component
from components.machine import COMMANDS, DIALS, Machine
from components.node_state import IssuedFile, NodeStateArgs, NodeStateResource
from nodestate import NodeState

FIRST_BOOT_DIALS = 120
"""About ten minutes: an emulated machine among others takes several to answer."""


@dataclass(frozen=True)
class NodeArgs:
    """`certificates` are this node's leaves; the authorities' certificates go to the node, their keys do not."""

    cluster: model.Cluster
    node: model.Node
    machine: Machine
    authorities: Mapping[Authority, CertificateAuthority]
    certificates: Sequence[Certificate]


class Node(Component):
    """Waits for the machine, brings its container runtime and kubelet to their state, and verifies the kubelet.

    `version` and `state` are what the last verification found; `etcd` is the member's state on a control-plane node.
    """

    version: pulumi.Output[str]
    state: pulumi.Output[str]
    kubelet: NodeStateResource
    etcd: NodeStateResource | None = None

    def __init__(self, name: str, args: NodeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name, self._args = name, args
        machine = args.machine
        first_boot = self._command(
            f"{name}-first-boot", "first-boot.sh", [machine.machine_id], FIRST_BOOT_DIALS, depends_on=[]
        )
        # Nothing is written before Ignition and the first boot are through.
        runtime_state = self.bring("runtime", container_runtime.state(args.cluster, args.node), {}, [first_boot])
        # The kubelet fails without a container runtime to talk to.
        authority = self.authority(Authority.KUBERNETES, paths.CA_CERTIFICATE)
        issued = authority | self.issued(Concern.KUBELET)
        node_kubelet = self.bring("kubelet", kubelet.state(args.cluster, args.node), issued, [runtime_state])
        self.kubelet = node_kubelet
        if args.node.role is model.Role.CONTROL_PLANE:
            # A member waits for the others' quorum, for nothing else on its own node.
            issued = self.authority(Authority.ETCD, paths.ETCD_CA_CERTIFICATE) | self.issued(Concern.ETCD)
            self.etcd = self.bring("etcd", etcd.state(args.cluster, args.node), issued, [first_boot])
        verified = self._command(
            f"{name}-verify",
            "verify.sh",
            [machine.machine_id, runtime_state.revision, node_kubelet.revision],
            DIALS,
            # It checks what the kubelet's state has just brought up.
            depends_on=[node_kubelet],
        )
        found = verified.stdout.apply(_report)
        self.version = found["version"]
        self.state = found["state"]
        self.register_outputs({"version": self.version, "state": self.state})

    def bring(
        self, concern: str, state: NodeState, issued: Mapping[str, IssuedFile], after: Sequence[pulumi.Resource]
    ) -> NodeStateResource:
        """Brings one more of the node's states to it, once `after` is there; undone with it, or gone with the machine."""
        machine = self._args.machine
        options = self.child(depends_on=list(after), deleted_with=machine.resource)
        return NodeStateResource(f"{self._name}-{concern}", NodeStateArgs(machine, state, issued), options)

    def authority(self, authority: Authority, *certificate_paths: str) -> dict[str, IssuedFile]:
        """An authority's certificate as files of this node. Its key is no node's."""
        pem = self._args.authorities[authority].certificate_pem
        return {path: IssuedFile(pem, mode="0644") for path in certificate_paths}

    def issued(self, concern: Concern) -> dict[str, IssuedFile]:
        """This node's certificates and keys for one concern, by path."""
        files = {}
        for certificate in self._args.certificates:
            if certificate.leaf.concern is concern:
                files[certificate.leaf.certificate_path] = IssuedFile(certificate.certificate_pem, mode="0644")
                files[certificate.leaf.key_path] = IssuedFile(certificate.private_key_pem, mode="0600")
        return files

    def _command(
        self,
        name: str,
        script: str,
        triggers: list[Any],
        dials: int,
        depends_on: list[pulumi.Resource],
    ) -> command.remote.Command:
        machine = self._args.machine
        return machine.command(
            name,
            f"node={machine.name}\n{(COMMANDS / script).read_text()}",
            self.child(depends_on=depends_on),
            dials,
            triggers=triggers,
        )


def _report(stdout: str | None) -> dict[str, str]:
    """The verification's JSON; empty where the provider has kept none."""
    report = json.loads(stdout) if stdout else {}
    return {"version": report.get("version", ""), "state": report.get("state", "")}
