"""API server, controller manager and scheduler as static pods of a control-plane node: their files, flags and folders.

Each has a folder of its own below /etc/kubernetes, the only one that its container sees.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import yaml

from cluster import addresses, etcd, kubeconfig, paths, pins
from cluster.kubelet import CIPHERS
from cluster.model import Cluster, Node
from cluster.state import Directory, File, State

FOLDER = "/etc/kubernetes"
AUDIT_LOG = "/var/log/kubernetes/audit"
API_SERVER, CONTROLLER_MANAGER, SCHEDULER = "kube-apiserver", "kube-controller-manager", "kube-scheduler"


@dataclass(frozen=True)
class Probe:
    """Where a component says that it is alive, ready and started: HTTPS on the node itself."""

    port: int
    live: str = "/livez"
    ready: str = "/readyz"


PROBES = {
    API_SERVER: Probe(kubeconfig.API_PORT),
    CONTROLLER_MANAGER: Probe(10257, "/healthz", "/healthz"),
    SCHEDULER: Probe(10259),
}
CPU = {API_SERVER: "250m", CONTROLLER_MANAGER: "200m", SCHEDULER: "100m"}


def file(component: str, name: str) -> str:
    """The path of one of a component's files."""
    return f"{FOLDER}/{component}/{name}"


def state(cluster: Cluster, node: Node) -> State:
    """What a control-plane node must hold for its static pods, without what the plan issues: certificates and keys.

    The kubelet starts a pod anew when its manifest changes; what a component reads only at its start stands in the
    manifest's annotation, so that a change of it is a change of the manifest.
    """
    policy, who = dump(audit_policy()), dump(authentication())
    manager, scheduler = f"{FOLDER}/{CONTROLLER_MANAGER}", f"{FOLDER}/{SCHEDULER}"
    manager_kubeconfig = kubeconfig.component(cluster, "system:kube-controller-manager", manager)
    scheduler_kubeconfig = kubeconfig.component(cluster, "system:kube-scheduler", scheduler)
    pods = {
        API_SERVER: static_pod(cluster, API_SERVER, api_server_flags(cluster, node), (policy, who), (AUDIT_LOG,)),
        CONTROLLER_MANAGER: static_pod(
            cluster, CONTROLLER_MANAGER, controller_manager_flags(cluster), (manager_kubeconfig,)
        ),
        SCHEDULER: static_pod(cluster, SCHEDULER, scheduler_flags(), (scheduler_kubeconfig,)),
    }
    files = {
        file(API_SERVER, "audit-policy.yaml"): File(policy, mode="0600"),
        file(API_SERVER, "authentication.yaml"): File(who, mode="0600"),
        file(CONTROLLER_MANAGER, "kubeconfig"): File(manager_kubeconfig, mode="0600"),
        file(SCHEDULER, "kubeconfig"): File(scheduler_kubeconfig, mode="0600"),
    }
    files |= {f"{paths.MANIFESTS}/{name}.yaml": File(dump(pod), mode="0600") for name, pod in pods.items()}
    folders = {f"{FOLDER}/{name}": Directory("0700") for name in pods} | {AUDIT_LOG: Directory("0700")}
    return State(files=files, directories=folders)


def api_server_flags(cluster: Cluster, node: Node) -> dict[str, str]:
    """The API server's flags, by name, without dashes. CIS 1.2; nobody is anonymous but those who ask for health."""

    def own(name: str) -> str:
        return file(API_SERVER, name)

    masters = cluster.control_plane()
    # Its own member first: the others only where that is away.
    ordered = [node, *(one for one in masters if one.name != node.name)]
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
        "etcd-servers": ",".join(f"https://{one.address}:{etcd.CLIENT_PORT}" for one in ordered),
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

    return {
        "allocate-node-cidrs": "true",
        "authentication-kubeconfig": own("kubeconfig"),
        "authorization-kubeconfig": own("kubeconfig"),
        "bind-address": "127.0.0.1",
        "client-ca-file": own("ca.crt"),
        "cluster-cidr": cluster.pod_network,
        "cluster-name": cluster.name,
        "controllers": "*,tokencleaner,-bootstrapsigner,-csrsigning",
        "kubeconfig": own("kubeconfig"),
        "leader-elect": "true",
        "profiling": "false",
        "requestheader-client-ca-file": own("front-proxy-ca.crt"),
        "root-ca-file": own("ca.crt"),
        "service-account-private-key-file": own("service-account.key"),
        "service-cluster-ip-range": cluster.service_network,
        "terminated-pod-gc-threshold": "1000",
        "use-service-account-credentials": "true",
        **_serving(),
    }


def scheduler_flags() -> dict[str, str]:
    """The scheduler's flags."""
    conf = file(SCHEDULER, "kubeconfig")
    return {
        "authentication-kubeconfig": conf,
        "authorization-kubeconfig": conf,
        "bind-address": "127.0.0.1",
        "kubeconfig": conf,
        "leader-elect": "true",
        "profiling": "false",
        **_serving(),
    }


def _serving() -> dict[str, str]:
    """They serve metrics to 127.0.0.1 only, under a certificate that they make for themselves in memory."""
    return {"tls-cipher-suites": ",".join(CIPHERS), "tls-min-version": "VersionTLS12"}


def static_pod(
    cluster: Cluster, component: str, flags: dict[str, str], reads: tuple[str, ...] = (), writes: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The manifest of one component. `reads` are the texts that it reads at its start only; `writes` are folders besides
    its own that it may write to.
    """
    probe = PROBES[component]
    folders = {f"{FOLDER}/{component}": True} | dict.fromkeys(writes, False)
    volumes = [
        {"name": f"folder-{index}", "hostPath": {"path": path, "type": "Directory"}}
        for index, path in enumerate(folders)
    ]
    mounts = [
        {"name": f"folder-{index}", "mountPath": path, **({"readOnly": True} if read_only else {})}
        for index, (path, read_only) in enumerate(folders.items())
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": component,
            "namespace": "kube-system",
            "labels": {"component": component, "tier": "control-plane"},
            "annotations": {"plumbline/reads": hashlib.sha256("\0".join(reads).encode()).hexdigest()[:16]},
        },
        "spec": {
            "hostNetwork": True,
            "priorityClassName": "system-node-critical",
            # Its files are root's; of root's powers it keeps none.
            "securityContext": {"runAsUser": 0, "runAsGroup": 0, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": component,
                    "image": pins.image(component, cluster.kubernetes_version),
                    "imagePullPolicy": "IfNotPresent",
                    "command": [component, *(f"--{name}={value}" for name, value in sorted(flags.items()))],
                    # A dead control-plane node is noticed in seconds, not in TCP's minutes.
                    "env": [
                        {"name": "HTTP2_READ_IDLE_TIMEOUT_SECONDS", "value": "5"},
                        {"name": "HTTP2_PING_TIMEOUT_SECONDS", "value": "3"},
                    ],
                    "resources": {"requests": {"cpu": CPU[component]}},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                    },
                    "startupProbe": _probe(probe.port, probe.live, failures=60),
                    "livenessProbe": _probe(probe.port, probe.live, failures=8),
                    "readinessProbe": _probe(probe.port, probe.ready, failures=3),
                    "volumeMounts": mounts,
                }
            ],
            "volumes": volumes,
        },
    }


def _probe(port: int, path: str, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"host": "127.0.0.1", "port": port, "path": path, "scheme": "HTTPS"},
        "periodSeconds": 10,
        "timeoutSeconds": 15,
        "failureThreshold": failures,
    }


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


def dump(data: dict[str, Any]) -> str:
    """A manifest's text."""
    return yaml.safe_dump(data, sort_keys=False, width=1000)
