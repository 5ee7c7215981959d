"""The API server of a control-plane node: a static pod."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cluster import versions
from cluster.config.addresses import url
from cluster.config.control_plane_model import ApiServer, PodSecurity
from cluster.config.model import Cluster, Node
from cluster.node import etcd, kubeconfig
from cluster.node.start_check import NONE, StartCheck
from cluster.node.static_pod import HealthEndpoint, PodFile, StaticPod, key_pair, path
from cluster.node.tls import SERVING_FLAGS
from cluster.rendering import dump_yaml
from cluster.step import CA, Issued, Part, SharedKey

NAME = "kube-apiserver"
HEALTH = HealthEndpoint(kubeconfig.API_PORT)
AUDIT_LOG = "/var/log/kubernetes/audit"
_UNSET = ApiServer(pod_security=PodSecurity())


def static_pod(cluster: Cluster, node: Node) -> StaticPod:
    """The API server, with the flags of CIS 1.2. Anonymous requests are limited to the health endpoints."""
    settings = cluster.control_plane.api_server
    admitted = admission(settings)

    def own(name: str) -> str:
        return path(NAME, name)

    return StaticPod(
        name=NAME,
        description="Kubernetes API server",
        image=cluster.kubernetes.artifacts.reference(versions.image(NAME, cluster.kubernetes.version)),
        flags={
            **({"admission-control-config-file": own("admission.yaml")} if admitted else {}),
            "advertise-address": str(node.address),
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
            # The node's own etcd member first. The others are used only while it is down.
            "etcd-servers": ",".join(etcd.client_url(member) for member in kubeconfig.own_first(cluster, node)),
            **_goaway(cluster),
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
            "service-cluster-ip-range": str(cluster.network.service_cidr),
            # Without it, open watches hold up the end until the kubelet kills the process after 30 s.
            "shutdown-watch-termination-grace-period": "5s",
            "tls-cert-file": own("server.crt"),
            "tls-private-key-file": own("server.key"),
            **SERVING_FLAGS,
        },
        files=[
            # Read at the start only. (The API server rereads ca.crt to verify clients, but not to verify kubelets.)
            PodFile("ca.crt", Issued(CA.KUBERNETES, Part.CERTIFICATE)),
            PodFile("etcd-ca.crt", Issued(CA.ETCD, Part.CERTIFICATE)),
            PodFile("audit-policy.yaml", dump_yaml(audit_policy(settings.audit_policy))),
            PodFile("authentication.yaml", dump_yaml(authentication(settings.authentication))),
            *([PodFile("admission.yaml", dump_yaml(admitted))] if admitted else []),
            PodFile("service-account.key", Issued(SharedKey.SERVICE_ACCOUNT, Part.PRIVATE_KEY)),
            PodFile("service-account.pub", Issued(SharedKey.SERVICE_ACCOUNT, Part.PUBLIC_KEY)),
            # Reread by the API server: serving certificate and encryption keys when they change, client certificates
            # at the next connection.
            *key_pair("server", f"{node.name}-apiserver"),
            *key_pair("kubelet-client", f"{node.name}-apiserver-kubelet-client"),
            *key_pair("etcd-client", f"{node.name}-apiserver-etcd-client"),
            *key_pair("front-proxy-client", f"{node.name}-front-proxy-client"),
            PodFile("front-proxy-ca.crt", Issued(CA.FRONT_PROXY, Part.CERTIFICATE), reread=True),
            PodFile("encryption.yaml", Issued(SharedKey.ENCRYPTION, Part.ENCRYPTION_CONFIGURATION), reread=True),
        ],
        health=replace(HEALTH, period=cluster.control_plane.probe_period),
        cpu="250m",
        writes=[AUDIT_LOG],
        serves="server.crt",
        labels={"tier": "control-plane"},
        check=StartCheck(
            settings != _UNSET,
            # Read after all other files, and before anything is connected.
            override={"etcd-cafile": NONE, "audit-log-path": "-"},
            accepted=f"error creating storage factory: open {NONE}: no such file or directory",
        ),
    ).with_settings(settings)


def _goaway(cluster: Cluster) -> dict[str, str]:
    """Clients keep one connection. HTTP/2 GOAWAY makes a few of them reconnect, which spreads them over the API servers."""
    return {"goaway-chance": "0.001"} if len(cluster.control_plane_nodes()) > 1 else {}


def health_check(cluster: Cluster, node: Node) -> str | None:
    """A script that succeeds if another API server is ready. None if there is no other."""
    others = [
        f"{url(other.address, kubeconfig.API_PORT)}/readyz"
        for other in cluster.control_plane_nodes()
        if other.name != node.name
    ]
    if not others:
        return None
    return (
        f"for endpoint in {' '.join(others)}; do\n"
        '  if curl --silent --fail --insecure --max-time 5 --output /dev/null "$endpoint"; then exit 0; fi\n'
        "done\n"
        f'echo "no other API server is ready: {" ".join(others)}"; exit 1\n'
    )


def authentication(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The AuthenticationConfiguration: configured issuers; anonymous requests are limited to the health endpoints."""
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        **settings,
        "anonymous": {"enabled": True, "conditions": [{"path": path} for path in ("/livez", "/readyz", "/healthz")]},
    }


def admission(settings: ApiServer) -> dict[str, Any] | None:
    """The AdmissionConfiguration, None if no plugin is configured.

    The control plane's own pods are in kube-system: kube-proxy is privileged, so Pod Security never looks at them.
    """
    plugins = dict(settings.admission)
    if settings.pod_security.configured:
        plugins["PodSecurity"] = pod_security(settings.pod_security)
    if not plugins:
        return None
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [{"name": name, "configuration": plugins[name]} for name in sorted(plugins)],
    }


def pod_security(settings: PodSecurity) -> dict[str, Any]:
    """The PodSecurityConfiguration."""
    levels = {"enforce": settings.enforce, "audit": settings.audit, "warn": settings.warn}
    defaults: dict[str, str] = {}
    for mode, level in levels.items():
        if level:
            defaults |= {mode: level, f"{mode}-version": settings.version}
    return {
        "apiVersion": "pod-security.admission.config.k8s.io/v1",
        "kind": "PodSecurityConfiguration",
        "defaults": defaults,
        "exemptions": {
            "usernames": list(settings.exempt_usernames),
            "runtimeClasses": list(settings.exempt_runtime_classes),
            "namespaces": list(dict.fromkeys(("kube-system", *settings.exempt_namespaces))),
        },
    }


def audit_policy(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The audit policy: the configured one; else metadata of requests, never their bodies.

    The program's own leaves out health checks, leases and the nodes' own reads.
    """
    head = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy"}
    if settings:
        return {**head, **settings}
    return {
        **head,
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
