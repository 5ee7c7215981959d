"""The flags that the program owns, by program: the reason, or the key to set instead. Its other flags may be overridden."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.config.flags import ETCD

API_SERVER, CONTROLLER_MANAGER, SCHEDULER = "kube-apiserver", "kube-controller-manager", "kube-scheduler"

_CERTIFICATE = "certificate and key come from the plan"
_CA = "the CA comes from the plan"
_FRONT_PROXY = "the front proxy's certificates and headers come from the plan"
_KUBECONFIG = "the kubeconfig comes from the plan"
_PROBED = "the probes and the readiness check connect there"
_AUTHENTICATION = "set controlPlane.apiServer.authentication"
_SERVICES = "set network.serviceCIDR"
_NO_CA_KEY = "no CA key is on any node: certificates come from the plan"
_MEMBERS = "the members come from nodes.<name>"

_CLIENT: Mapping[str, str] = {
    **dict.fromkeys(("authentication-kubeconfig", "authorization-kubeconfig", "kubeconfig", "master"), _KUBECONFIG),
    "bind-address": _PROBED,
    "leader-elect": "the control plane's nodes elect a leader",
    "leader-elect-lease-duration": "set controlPlane.leaseDuration",
    "leader-elect-renew-deadline": "set controlPlane.renewDeadline",
    "leader-elect-retry-period": "set controlPlane.retryPeriod",
    "secure-port": _PROBED,
}

OWNED: Mapping[str, Mapping[str, str]] = {
    API_SERVER: {
        "admission-control-config-file": "set controlPlane.apiServer.podSecurity or controlPlane.apiServer.admission",
        "advertise-address": "set nodes.<name>.address",
        "allow-privileged": "kube-proxy is a privileged pod",
        "anonymous-auth": "anonymous requests are limited to the health endpoints",
        "audit-log-path": "the audit log is in /var/log/kubernetes/audit",
        "audit-policy-file": "set controlPlane.apiServer.auditPolicy",
        "authentication-config": _AUTHENTICATION,
        "authorization-config": "set authorization-mode",
        "bind-address": _PROBED,
        "client-ca-file": _CA,
        **dict.fromkeys(
            ("encryption-provider-config", "encryption-provider-config-automatic-reload"),
            "the key comes from the plan",
        ),
        **dict.fromkeys(("etcd-cafile", "etcd-certfile", "etcd-keyfile"), _CERTIFICATE),
        "etcd-prefix": "the cluster's data is below the default prefix",
        "etcd-servers": _MEMBERS,
        "kubelet-certificate-authority": _CA,
        **dict.fromkeys(("kubelet-client-certificate", "kubelet-client-key"), _CERTIFICATE),
        **dict.fromkeys(
            (
                *("oidc-ca-file", "oidc-client-id", "oidc-groups-claim", "oidc-groups-prefix", "oidc-issuer-url"),
                *("oidc-required-claim", "oidc-signing-algs", "oidc-username-claim", "oidc-username-prefix"),
            ),
            _AUTHENTICATION,
        ),
        **dict.fromkeys(
            (
                *("proxy-client-cert-file", "proxy-client-key-file", "requestheader-allowed-names"),
                *("requestheader-client-ca-file", "requestheader-extra-headers-prefix"),
                *("requestheader-group-headers", "requestheader-uid-headers", "requestheader-username-headers"),
            ),
            _FRONT_PROXY,
        ),
        "secure-port": "all kubeconfigs have this port",
        "service-account-issuer": "set cluster.domain",
        **dict.fromkeys(
            ("service-account-key-file", "service-account-signing-key-file", "service-account-signing-endpoint"),
            "the key pair comes from the plan",
        ),
        "service-account-lookup": "tokens of deleted service accounts are refused",
        "service-cluster-ip-range": _SERVICES,
        **dict.fromkeys(("tls-cert-file", "tls-private-key-file"), _CERTIFICATE),
    },
    CONTROLLER_MANAGER: {
        **_CLIENT,
        "allocate-node-cidrs": "set network.cni",
        "client-ca-file": _CA,
        "cluster-cidr": "set network.podCIDR",
        "cluster-name": "set cluster.name",
        **dict.fromkeys(
            (
                *("cluster-signing-cert-file", "cluster-signing-key-file"),
                *("cluster-signing-kube-apiserver-client-cert-file", "cluster-signing-kube-apiserver-client-key-file"),
                *("cluster-signing-kubelet-client-cert-file", "cluster-signing-kubelet-client-key-file"),
                *("cluster-signing-kubelet-serving-cert-file", "cluster-signing-kubelet-serving-key-file"),
                *("cluster-signing-legacy-unknown-cert-file", "cluster-signing-legacy-unknown-key-file"),
            ),
            _NO_CA_KEY,
        ),
        "requestheader-client-ca-file": _FRONT_PROXY,
        "root-ca-file": _CA,
        "service-account-private-key-file": "the key pair comes from the plan",
        "service-cluster-ip-range": _SERVICES,
        "use-service-account-credentials": "each controller has its own permissions",
    },
    SCHEDULER: _CLIENT,
    ETCD: {
        **dict.fromkeys(
            (
                *("advertise-client-urls", "initial-advertise-peer-urls", "initial-cluster", "initial-cluster-state"),
                *("initial-cluster-token", "listen-client-http-urls", "listen-client-urls", "listen-peer-urls", "name"),
                *("discovery", "discovery-cacert", "discovery-cert", "discovery-dial-timeout", "discovery-endpoints"),
                *("discovery-fallback", "discovery-insecure-skip-tls-verify", "discovery-insecure-transport"),
                *("discovery-keepalive-time", "discovery-keepalive-timeout", "discovery-key", "discovery-password"),
                *("discovery-proxy", "discovery-request-timeout", "discovery-srv", "discovery-srv-name"),
                *("discovery-token", "discovery-user"),
            ),
            _MEMBERS,
        ),
        **dict.fromkeys(
            (
                *("auto-tls", "cert-file", "client-cert-file", "client-key-file", "key-file", "peer-auto-tls"),
                *("peer-cert-file", "peer-client-cert-file", "peer-client-key-file", "peer-key-file"),
                "self-signed-cert-validity",
            ),
            _CERTIFICATE,
        ),
        **dict.fromkeys(("client-cert-auth", "peer-client-cert-auth"), "clients and peers always have certificates"),
        "config-file": "etcd would ignore all other settings",
        "data-dir": "a member that leaves or rejoins finds its data there",
        "election-timeout": "set etcd.electionTimeout",
        "force-new-cluster": "the member would leave the others behind: restore a snapshot",
        "heartbeat-interval": "set etcd.heartbeatInterval",
        "listen-metrics-urls": "the readiness check connects there",
        "peer-skip-client-san-verification": "clients and peers always have certificates",
        "experimental-peer-skip-client-san-verification": "clients and peers always have certificates",
        "quota-backend-bytes": "set etcd.quota",
        "strict-reconfig-check": "a change of the members must not lose quorum",
        **dict.fromkeys(("peer-trusted-ca-file", "trusted-ca-file"), _CA),
        "unsafe-no-fsync": "a crash would lose data",
        "wal-dir": "a member that leaves or rejoins finds its data in one place",
    },
}

NEEDED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    API_SERVER: {"authorization-mode": ("Node", "RBAC"), "enable-admission-plugins": ("NodeRestriction",)}
}
"""Entries that the value of a flag must have: without them nodes would get no permissions, or those of other nodes."""

BANNED: Mapping[str, Mapping[str, tuple[str, ...]]] = {API_SERVER: {"disable-admission-plugins": ("NodeRestriction",)}}
"""Entries that the value of a flag must not have, for the same reason."""

KUBE_PROXY: Mapping[str, str] = {
    "apiVersion": "it is always kubeproxy.config.k8s.io/v1alpha1",
    "kind": "it is always KubeProxyConfiguration",
    "bindAddress": "set nodes.<name>.address",
    "clientConnection.kubeconfig": _KUBECONFIG,
    "clusterCIDR": "set network.podCIDR",
    "healthzBindAddress": _PROBED,
    "hostnameOverride": "set the node's name",
    "mode": "the program's rules and checks are for nftables",
}
"""Keys of KubeProxyConfiguration that the program owns."""
