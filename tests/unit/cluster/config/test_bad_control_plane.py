"""Errors of the control plane's settings: flags, volumes, and files that are merged with the program's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster import versions
from cluster.config.flags import ETCD, load
from cluster.config.owned_flags import OWNED
from cluster.node import control_plane
from tests import clusters
from tests.unit.cluster.config.conftest import Errors

API = "controlPlane.apiServer"
JWT = {"issuer": {"url": "https://issuer.example", "audiences": ["plumbline"]}}


def api(**settings: Any) -> dict[str, Any]:
    return {"controlPlane": {"apiServer": settings}}


def volume(**settings: Any) -> dict[str, Any]:
    return api(extraVolumes={"site": settings})


CASES: list[tuple[str, dict[str, Any], str]] = [
    (
        "owned flag with a key",
        {"controlPlane": {"scheduler": {"extraArgs": {"leader-elect-retry-period": "1s"}}}},
        "controlPlane.scheduler.extraArgs.leader-elect-retry-period: is set by the program: set controlPlane.retryPeriod",
    ),
    (
        "owned flag",
        api(extraArgs={"secure-port": 443}),
        f"{API}.extraArgs.secure-port: is set by the program: all kubeconfigs have this port",
    ),
    (
        "unknown flag",
        api(extraArgs={"max-request-inflight": 1}),
        f"{API}.extraArgs.max-request-inflight: is not a flag of kube-apiserver {versions.DEFAULT}; did you mean max-requests-inflight?",
    ),
    (
        "unknown flag, none is near",
        api(extraArgs={"zzz": 1}),
        f"{API}.extraArgs.zzz: is not a flag of kube-apiserver {versions.DEFAULT}",
    ),
    (
        "flag of another program",
        {"controlPlane": {"controllerManager": {"extraArgs": {"max-requests-inflight": 1}}}},
        "controlPlane.controllerManager.extraArgs.max-requests-inflight: is not a flag of kube-controller-manager "
        f"{versions.DEFAULT}",
    ),
    (
        "unknown flag of etcd",
        {"etcd": {"extraArgs": {"snapshot-counts": 1}}},
        f"etcd.extraArgs.snapshot-counts: is not a flag of etcd {versions.ETCD}; did you mean snapshot-count?",
    ),
    (
        "owned flag of etcd",
        {"etcd": {"extraArgs": {"quota-backend-bytes": 1}}},
        "etcd.extraArgs.quota-backend-bytes: is set by the program: set etcd.quota",
    ),
    ("text for a number", api(extraArgs={"v": "high"}), f"{API}.extraArgs.v: 'high' is not a whole number"),
    (
        "text for a switch",
        api(extraArgs={"profiling": "yes"}),
        f"{API}.extraArgs.profiling: 'yes' is not true or false",
    ),
    (
        "number for a switch",
        api(extraArgs={"profiling": 1}),
        f"{API}.extraArgs.profiling: is the number 1, not true or false",
    ),
    (
        "no duration",
        api(extraArgs={"event-ttl": "1d"}),
        f"{API}.extraArgs.event-ttl: '1d' is not a duration such as 1m30s",
    ),
    ("list for a number", api(extraArgs={"v": [1]}), f"{API}.extraArgs.v: is a list, not a whole number"),
    (
        "object for text",
        api(extraArgs={"external-hostname": {}}),
        f"{API}.extraArgs.external-hostname: is an object, not text",
    ),
    ("null", api(extraArgs={"v": None}), f"{API}.extraArgs.v: is null: set a value, or remove the flag"),
    (
        "line break",
        {"etcd": {"extraArgs": {"cors": "*\nETCD_NAME=x"}}},
        "etcd.extraArgs.cors: contains a line break or a control character: remove it",
    ),
    (
        "without NodeRestriction",
        api(extraArgs={"enable-admission-plugins": ["EventRateLimit"]}),
        f"{API}.extraArgs.enable-admission-plugins: lacks NodeRestriction: the nodes' permissions depend on it",
    ),
    (
        "NodeRestriction disabled",
        api(extraArgs={"disable-admission-plugins": "NodeRestriction"}),
        f"{API}.extraArgs.disable-admission-plugins: contains NodeRestriction: the nodes' permissions depend on it",
    ),
    (
        "without RBAC",
        api(extraArgs={"authorization-mode": "Node,Webhook"}),
        f"{API}.extraArgs.authorization-mode: lacks RBAC: the nodes' permissions depend on it",
    ),
    (
        "volume of another component",
        volume(hostPath="/etc/kubernetes/pki"),
        f"{API}.extraVolumes.site.hostPath: '/etc/kubernetes/pki' overlaps /etc/kubernetes: the keys of other components are there",
    ),
    (
        "volume that contains it",
        volume(hostPath="/var/lib", mountPath="/site"),
        f"{API}.extraVolumes.site.hostPath: '/var/lib' overlaps /var/lib/etcd: the keys of other components are there",
    ),
    (
        "volume over the program",
        volume(hostPath="/srv", mountPath="/usr"),
        f"{API}.extraVolumes.site.mountPath: '/usr' overlaps /usr/local/bin: the container has its own there",
    ),
    (
        "volume over the program, by default",
        volume(hostPath="/usr/local/bin"),
        f"{API}.extraVolumes.site.hostPath: '/usr/local/bin' overlaps /usr/local/bin: the container has its own there: set mountPath, too",
    ),
    (
        "relative path",
        volume(hostPath="site"),
        f"{API}.extraVolumes.site.hostPath: 'site' is not an absolute path of letters, digits and ._@+-",
    ),
    (
        "path with a parent",
        volume(hostPath="/etc/../root"),
        f"{API}.extraVolumes.site.hostPath: '/etc/../root' is not in its shortest form: without . and ..",
    ),
    (
        "no path",
        volume(type="File"),
        f"{API}.extraVolumes.site.hostPath: is missing: the path of the file or folder on the node",
    ),
    (
        "type",
        volume(hostPath="/a", type="Socket"),
        f"{API}.extraVolumes.site.type: 'Socket' is not one of Directory, File",
    ),
    ("switch", volume(hostPath="/a", readOnly="no"), f"{API}.extraVolumes.site.readOnly: is text, not true or false"),
    (
        "unknown key",
        volume(hostpath="/a"),
        f"{API}.extraVolumes.site.hostpath: is not a known key; did you mean hostPath?",
    ),
    (
        "text for a volume",
        api(extraVolumes={"site": "/etc/site"}),
        f"{API}.extraVolumes.site: is text, not an object: {{hostPath, mountPath, readOnly, type}}",
    ),
    (
        "two volumes at one path",
        api(extraVolumes={"a": {"hostPath": "/a"}, "b": {"hostPath": "/b", "mountPath": "/a"}}),
        f"{API}.extraVolumes.b.mountPath: '/a' is the mountPath of a already",
    ),
    (
        "anonymous requests",
        api(authentication={"anonymous": {"enabled": True}}),
        f"{API}.authentication.anonymous: is set by the program: anonymous requests are limited to the health endpoints",
    ),
    (
        "unknown key of an issuer",
        api(authentication={"jwt": [{**JWT, "claimMapping": {}}]}),
        f"{API}.authentication.jwt[0].claimMapping: is not a key of AuthenticationConfiguration v1; did you mean claimMappings?",
    ),
    (
        "issuer without TLS",
        api(authentication={"jwt": [{"issuer": {"url": "http://issuer", "audiences": ["a"]}}]}),
        f"{API}.authentication.jwt[0].issuer.url: 'http://issuer' is not an https:// URL",
    ),
    (
        "issuer without audience",
        api(authentication={"jwt": [{"issuer": {"url": "https://issuer"}}]}),
        f"{API}.authentication.jwt[0].issuer.audiences: is missing: the audiences of which a token must name one, such as a client's id",
    ),
    ("text for issuers", api(authentication={"jwt": "x"}), f"{API}.authentication.jwt: 'x' is not a list"),
    (
        "audit level",
        api(auditPolicy={"rules": [{"level": "All"}]}),
        f"{API}.auditPolicy.rules[0].level: 'All' is not one of None, Metadata, Request, RequestResponse",
    ),
    (
        "audit policy without rules",
        api(auditPolicy={"omitStages": ["Panic"]}),
        f"{API}.auditPolicy.rules: is missing: the API server refuses a policy without rules",
    ),
    (
        "Pod Security as a plugin",
        api(admission={"PodSecurity": {}}),
        f"{API}.admission.PodSecurity: is set by the program: set controlPlane.apiServer.podSecurity",
    ),
    (
        "plugin without kind",
        api(admission={"EventRateLimit": {"apiVersion": "x"}}),
        f"{API}.admission.EventRateLimit.kind: is missing: each plugin's configuration has apiVersion and kind",
    ),
    (
        "Pod Security level",
        api(podSecurity={"enforce": "strict"}),
        f"{API}.podSecurity.enforce: 'strict' is not one of privileged, baseline, restricted",
    ),
    (
        "exemption without a level",
        api(podSecurity={"exemptNamespaces": ["a"]}),
        f"{API}.podSecurity.enforce: is not set, nor are audit and warn: without a level of privileged, baseline, restricted "
        "the other keys have no effect",
    ),
    (
        "mode of kube-proxy",
        {"network": {"kubeProxy": {"mode": "ipvs"}}},
        "network.kubeProxy.mode: is set by the program: the program's rules and checks are for nftables",
    ),
    (
        "unknown key of kube-proxy",
        {"network": {"kubeProxy": {"conntrack": {"maxPerCores": 1}}}},
        "network.kubeProxy.conntrack.maxPerCores: is not a key of KubeProxyConfiguration v1alpha1; did you mean maxPerCore?",
    ),
    (
        "kubeconfig of kube-proxy removed",
        {"network": {"kubeProxy": {"clientConnection": None}}},
        "network.kubeProxy.clientConnection: null would remove clientConnection.kubeconfig, which is set by the program: "
        "the kubeconfig comes from the plan",
    ),
]

GOOD: dict[str, dict[str, Any]] = {
    "all kinds of flags": api(
        extraArgs={
            "v": 4,
            "profiling": True,
            "goaway-chance": 0.01,
            "event-ttl": "2h",
            "runtime-config": {"api/alpha": False},
            "tls-sni-cert-key": ["/etc/site/a.crt,/etc/site/a.key", "/etc/site/b.crt,/etc/site/b.key"],
            "enable-admission-plugins": "NodeRestriction,EventRateLimit",
            "authorization-mode": ["Node", "RBAC", "Webhook"],
        }
    ),
    "numbers as text": api(extraArgs={"v": "4", "profiling": "false"}),
    "volumes": api(
        extraVolumes={"a": {"hostPath": "/etc/site"}, "b": {"hostPath": "/srv/b", "mountPath": "/b", "type": "File"}}
    ),
    "warnings only": api(podSecurity={"warn": "restricted", "version": "v1.35", "exemptNamespaces": ["a"]}),
    "issuers": api(authentication={"jwt": [JWT, JWT]}),
}


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_load_config_refuses(libvirt_errors: Errors, change: dict[str, Any], message: str) -> None:
    assert message in libvirt_errors(change)


@pytest.mark.parametrize("change", GOOD.values(), ids=GOOD)
def test_load_config_accepts(libvirt_errors: Errors, change: dict[str, Any]) -> None:
    assert libvirt_errors(change) == ()


@pytest.mark.parametrize("version", versions.SUPPORTED)
def test_every_supported_version_has_flags(version: str) -> None:
    for program, owned in OWNED.items():
        known = load(program, version)
        assert owned.keys() - {"config-file"} <= known.keys(), program
    assert len(load(ETCD, version)) > 100


def test_flags_that_the_program_sets_are_known(tmp_path: Path) -> None:
    cluster = clusters.load(tmp_path)
    for pod in control_plane.static_pods(cluster, cluster.nodes[0]):
        assert pod.flags.keys() <= load(pod.name, versions.DEFAULT).keys()
