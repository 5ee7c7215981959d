"""API server, controller manager and scheduler as static pods of a control-plane node: their files, flags and folders.

Each has a folder of its own below /etc/kubernetes, the only one that its container sees.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cluster import addresses, etcd, kubeconfig, paths, versions
from cluster.kubelet import CIPHERS
from cluster.model import Cluster, Node, PodNetwork
from cluster.state import Action, Directory, File, Reaction, Rollout, State
from cluster.static_pods import FOLDER, Probe, StaticPod, dump, file, merged
from cluster.static_pods import state as pod_state

AUDIT_LOG = "/var/log/kubernetes/audit"
API_SERVER, CONTROLLER_MANAGER, SCHEDULER = versions.CONTROL_PLANE
GROUP = "control-plane"
READY_SECONDS = 600
"""An emulated machine takes minutes for its first API server."""

PROBES = {
    API_SERVER: Probe(kubeconfig.API_PORT),
    CONTROLLER_MANAGER: Probe(10257, "/healthz", "/healthz"),
    SCHEDULER: Probe(10259),
}


def state(cluster: Cluster, node: Node) -> State:
    """What a control-plane node must hold for its static pods, without what the plan issues: certificates and keys.

    A new serving certificate, a new authority of clients and the encryption configuration are reread by the API server
    itself; a client's certificate at its next connection. What is read at the start only restarts the pod.
    """
    policy, who = dump(audit_policy()), dump(authentication())
    manager, scheduler = f"{FOLDER}/{CONTROLLER_MANAGER}", f"{FOLDER}/{SCHEDULER}"
    files = {
        paths.KUBECTL: File(source=cluster.artifacts.kubectl, mode="0755"),
        file(API_SERVER, "audit-policy.yaml"): File(policy, mode="0600"),
        file(API_SERVER, "authentication.yaml"): File(who, mode="0600"),
        file(CONTROLLER_MANAGER, "kubeconfig"): File(
            kubeconfig.component(cluster, "system:kube-controller-manager", manager), mode="0600"
        ),
        file(SCHEDULER, "kubeconfig"): File(
            kubeconfig.component(cluster, "system:kube-scheduler", scheduler), mode="0600"
        ),
    }
    folders = {f"{FOLDER}/{name}": Directory("0700") for name in versions.CONTROL_PLANE} | {
        AUDIT_LOG: Directory("0700")
    }
    own = State(
        files=files,
        directories=folders,
        reactions=(
            Reaction(
                f"{API_SERVER}.service",
                Action.SELF_RELOAD,
                (file(API_SERVER, "server.crt"), file(API_SERVER, "server.key")),
                served_at=f"127.0.0.1:{kubeconfig.API_PORT}",
                certificate=file(API_SERVER, "server.crt"),
            ),
        ),
    )
    pods = [pod_state(pod, READY_SECONDS) for pod in static_pods(cluster, node)]
    return replace(merged(own, *pods), rollout=Rollout(GROUP, guard(cluster, node)))


def static_pods(cluster: Cluster, node: Node) -> tuple[StaticPod, ...]:
    """The three, with the files that each reads at its start only."""

    def pod(name: str, description: str, flags: dict[str, str], cpu: str, own: Sequence[str], **more: Any) -> StaticPod:
        return StaticPod(
            name=name,
            description=description,
            image=versions.image(name, cluster.kubernetes_version),
            command=[name, *(f"--{flag}={value}" for flag, value in sorted(flags.items()))],
            probe=replace(PROBES[name], period=cluster.control.probe_period),
            cpu=cpu,
            files=[file(name, one) for one in own],
            labels={"tier": "control-plane"},
            **more,
        )

    aliases = kubeconfig.host_aliases(cluster, node)
    return (
        pod(
            API_SERVER,
            "Kubernetes API server",
            api_server_flags(cluster, node),
            "250m",
            # ca.crt: of the kubelets; that of clients it would reread.
            (
                "ca.crt",
                "etcd-ca.crt",
                "audit-policy.yaml",
                "authentication.yaml",
                "service-account.key",
                "service-account.pub",
            ),
            writes=[AUDIT_LOG],
        ),
        pod(
            CONTROLLER_MANAGER,
            "Kubernetes controller manager",
            controller_manager_flags(cluster),
            "200m",
            ("kubeconfig", "ca.crt", "service-account.key"),
            host_aliases=aliases,
        ),
        pod(
            SCHEDULER,
            "Kubernetes scheduler",
            scheduler_flags(cluster),
            "100m",
            ("kubeconfig", "ca.crt"),
            host_aliases=aliases,
        ),
    )


def guard(cluster: Cluster, node: Node) -> str | None:
    """Succeeds while another API server serves. A single one has no other to ask."""
    others = [
        f"https://{one.address}:{kubeconfig.API_PORT}/readyz"
        for one in cluster.control_plane()
        if one.name != node.name
    ]
    if not others:
        return None
    return (
        f"for one in {' '.join(others)}; do\n"
        '  if curl --silent --fail --insecure --max-time 5 --output /dev/null "$one"; then exit 0; fi\n'
        "done\n"
        'echo "no other API server answers"; exit 1\n'
    )


def encryption(key_pem: str) -> str:
    """The EncryptionConfiguration: secrets are stored under a key that is derived from the plan's. A secret.

    What was stored in the clear before is still read, and encrypted when it is next written.
    """
    key = hashlib.sha256(b"plumbline encryption at rest\0" + key_pem.encode()).digest()
    providers = [
        {"secretbox": {"keys": [{"name": "key1", "secret": base64.b64encode(key).decode()}]}},
        {"identity": {}},
    ]
    return dump(
        {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "EncryptionConfiguration",
            "resources": [{"resources": ["secrets"], "providers": providers}],
        }
    )


def api_server_flags(cluster: Cluster, node: Node) -> dict[str, str]:
    """The API server's flags, by name, without dashes. CIS 1.2; nobody is anonymous but those who ask for health."""

    def own(name: str) -> str:
        return file(API_SERVER, name)

    # Its own member first: the others only where that is away.
    masters = kubeconfig.own_first(cluster, node)
    flags = {
        "advertise-address": node.address,
        "allow-privileged": "true",
        "audit-log-maxage": "30",
        "audit-log-maxbackup": "10",
        "audit-log-maxsize": "100",
        "audit-log-path": f"{AUDIT_LOG}/audit.log",
        "audit-policy-file": own("audit-policy.yaml"),
        "authentication-config": own("authentication.yaml"),
        "authorization-mode": "Node,RBAC",
        "client-ca-file": own("ca.crt"),
        "enable-admission-plugins": "NodeRestriction",
        "encryption-provider-config": own("encryption.yaml"),
        "encryption-provider-config-automatic-reload": "true",
        "etcd-cafile": own("etcd-ca.crt"),
        "etcd-certfile": own("etcd-client.crt"),
        "etcd-keyfile": own("etcd-client.key"),
        "etcd-servers": ",".join(f"https://{one.address}:{etcd.CLIENT_PORT}" for one in masters),
        "kubelet-certificate-authority": own("ca.crt"),
        "kubelet-client-certificate": own("kubelet-client.crt"),
        "kubelet-client-key": own("kubelet-client.key"),
        "kubelet-preferred-address-types": "InternalIP",
        "profiling": "false",
        "proxy-client-cert-file": own("front-proxy-client.crt"),
        "proxy-client-key-file": own("front-proxy-client.key"),
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-client-ca-file": own("front-proxy-ca.crt"),
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "secure-port": str(kubeconfig.API_PORT),
        "service-account-extend-token-expiration": "false",
        "service-account-issuer": f"https://kubernetes.default.svc.{cluster.domain}",
        "service-account-key-file": own("service-account.pub"),
        "service-account-lookup": "true",
        "service-account-signing-key-file": own("service-account.key"),
        "service-cluster-ip-range": cluster.service_network,
        "tls-cert-file": own("server.crt"),
        "tls-cipher-suites": ",".join(CIPHERS),
        "tls-min-version": "VersionTLS12",
        "tls-private-key-file": own("server.key"),
    }
    if len(masters) > 1:
        # Clients keep one connection for good: now and then one is asked to dial anew, and so they spread again.
        flags["goaway-chance"] = "0.001"
    return flags


def controller_manager_flags(cluster: Cluster) -> dict[str, str]:
    """The controller manager's flags. It signs nothing: no authority's key is on any node."""

    def own(name: str) -> str:
        return file(CONTROLLER_MANAGER, name)

    # Where the pod network is ours, a node's share of it comes from the plan.
    shares = {"allocate-node-cidrs": "false"}
    if cluster.pods is PodNetwork.NONE:
        shares = {"allocate-node-cidrs": "true", "cluster-cidr": cluster.pod_network}
    return {
        **shares,
        "authentication-kubeconfig": own("kubeconfig"),
        "authorization-kubeconfig": own("kubeconfig"),
        "bind-address": "127.0.0.1",
        "client-ca-file": own("ca.crt"),
        "cluster-name": cluster.name,
        "controllers": "*,tokencleaner,-bootstrapsigner,-csrsigning",
        "kubeconfig": own("kubeconfig"),
        **_leader_election(cluster),
        "profiling": "false",
        "requestheader-client-ca-file": own("front-proxy-ca.crt"),
        "root-ca-file": own("ca.crt"),
        "service-account-private-key-file": own("service-account.key"),
        "service-cluster-ip-range": cluster.service_network,
        "terminated-pod-gc-threshold": "1000",
        "use-service-account-credentials": "true",
        **_serving(),
    }


def _leader_election(cluster: Cluster) -> dict[str, str]:
    return {
        "leader-elect": "true",
        "leader-elect-lease-duration": f"{cluster.control.lease_duration}s",
        "leader-elect-renew-deadline": f"{cluster.control.renew_deadline}s",
        "leader-elect-retry-period": f"{cluster.control.retry_period}s",
    }


def scheduler_flags(cluster: Cluster) -> dict[str, str]:
    """The scheduler's flags."""
    conf = file(SCHEDULER, "kubeconfig")
    return {
        "authentication-kubeconfig": conf,
        "authorization-kubeconfig": conf,
        "bind-address": "127.0.0.1",
        "kubeconfig": conf,
        **_leader_election(cluster),
        "profiling": "false",
        **_serving(),
    }


def _serving() -> dict[str, str]:
    """They serve metrics to 127.0.0.1 only, under a certificate that they make for themselves in memory."""
    return {"tls-cipher-suites": ",".join(CIPHERS), "tls-min-version": "VersionTLS12"}


def authentication() -> dict[str, Any]:
    """Who is not known may ask for health, and for nothing else."""
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "anonymous": {"enabled": True, "conditions": [{"path": path} for path in ("/livez", "/readyz", "/healthz")]},
    }


def audit_policy() -> dict[str, Any]:
    """Who did what, never the contents of secrets; the cluster's own heartbeat is left out."""
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "nonResourceURLs": ["/livez*", "/readyz*", "/healthz*", "/version", "/openapi*"]},
            {
                "level": "None",
                "verbs": ["get", "update"],
                "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}],
            },
            {"level": "None", "verbs": ["watch", "get", "list"], "userGroups": ["system:nodes"]},
            {"level": "Metadata"},
        ],
    }


def service_address(cluster: Cluster) -> str:
    """The API server's own address in the service network: its first."""
    return addresses.gateway(cluster.service_network)
