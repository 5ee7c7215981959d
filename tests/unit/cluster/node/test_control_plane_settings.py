"""The control plane's settings in the files of a node: each changes the files of one component only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.plan import plan
from nodestate import Action
from tests import clusters

NODE = "m2"
MANIFESTS = "/etc/kubernetes/manifests"
API = "/etc/kubernetes/kube-apiserver"
JWT = {"issuer": {"url": "https://issuer.example", "audiences": ["plumbline"]}}


def texts(folder: Path, settings: dict[str, Any] | None = None) -> tuple[dict[str, str], dict[str, set[str]]]:
    """The rendered files of the node, and the units that restart on each."""
    files: dict[str, str] = {}
    restarts: dict[str, set[str]] = {}
    for step in plan(clusters.load(folder, clusters.values() | (settings or {}))).of_node(NODE):
        files |= {path: file.text for path, file in step.state.files.items() if file.text is not None}
        for reaction in step.state.reactions:
            if reaction.action is Action.RESTART:
                for path in reaction.files:
                    restarts.setdefault(path, set()).add(reaction.unit)
    return files, restarts


def changed(folder: Path, settings: dict[str, Any]) -> tuple[dict[str, str], set[str]]:
    """The files that the settings change, and the units that restart."""
    before, _ = texts(folder)
    after, restarts = texts(folder, settings)
    found = {path: text for path, text in after.items() if before.get(path) != text}
    return found, {unit for path in found for unit in restarts.get(path, ())}


@pytest.mark.parametrize(
    ("settings", "paths", "unit"),
    [
        (
            {"controlPlane": {"apiServer": {"extraArgs": {"v": 4}}}},
            {f"{MANIFESTS}/kube-apiserver.yaml"},
            "kube-apiserver",
        ),
        (
            {"controlPlane": {"controllerManager": {"extraArgs": {"v": 4}}}},
            {f"{MANIFESTS}/kube-controller-manager.yaml"},
            "kube-controller-manager",
        ),
        (
            {"controlPlane": {"scheduler": {"extraArgs": {"v": 4}}}},
            {f"{MANIFESTS}/kube-scheduler.yaml"},
            "kube-scheduler",
        ),
        (
            {"controlPlane": {"apiServer": {"authentication": {"jwt": [JWT]}}}},
            {f"{API}/authentication.yaml"},
            "kube-apiserver",
        ),
        (
            {"controlPlane": {"apiServer": {"auditPolicy": {"rules": [{"level": "None"}]}}}},
            {f"{API}/audit-policy.yaml"},
            "kube-apiserver",
        ),
        ({"network": {"kubeProxy": {"oomScoreAdj": -1}}}, {"/etc/kubernetes/kube-proxy/config.yaml"}, "kube-proxy"),
        ({"etcd": {"extraArgs": {"snapshot-count": 20000}}}, {"/etc/etcd/etcd.env"}, "etcd"),
    ],
)
def test_setting_restarts_its_component_only(
    tmp_path: Path, settings: dict[str, Any], paths: set[str], unit: str
) -> None:
    files, units = changed(tmp_path, settings)
    assert files.keys() == paths
    assert units == {f"{unit}.service"}


def test_flags_replace_the_program_s_own(tmp_path: Path) -> None:
    arguments = {
        "profiling": True,
        "goaway-chance": 0.01,
        "runtime-config": {"api/alpha": False, "api/beta": True},
        "tls-sni-cert-key": ["a.crt,a.key", "b.crt,b.key"],
    }
    files, _ = changed(tmp_path, {"controlPlane": {"apiServer": {"extraArgs": arguments}}})
    [container] = yaml.safe_load(files[f"{MANIFESTS}/kube-apiserver.yaml"])["spec"]["containers"]
    command = container["command"]
    assert command[1:] == sorted(command[1:], key=lambda one: one.partition("=")[0])
    assert [one for one in command if one.startswith(("--profiling", "--goaway", "--runtime", "--tls-sni"))] == [
        "--goaway-chance=0.01",
        "--profiling=true",
        "--runtime-config=api/alpha=false,api/beta=true",
        "--tls-sni-cert-key=a.crt,a.key",
        "--tls-sni-cert-key=b.crt,b.key",
    ]


def test_volumes_are_mounted(tmp_path: Path) -> None:
    volumes = {
        "site": {"hostPath": "/etc/site"},
        "log": {"hostPath": "/srv/log", "mountPath": "/log", "readOnly": False, "type": "File"},
    }
    files, _ = changed(tmp_path, {"controlPlane": {"scheduler": {"extraVolumes": volumes}}})
    spec = yaml.safe_load(files[f"{MANIFESTS}/kube-scheduler.yaml"])["spec"]
    assert spec["volumes"][-2:] == [
        {"name": "extra-log", "hostPath": {"path": "/srv/log", "type": "File"}},
        {"name": "extra-site", "hostPath": {"path": "/etc/site", "type": "Directory"}},
    ]
    assert spec["containers"][0]["volumeMounts"][-2:] == [
        {"name": "extra-log", "mountPath": "/log"},
        {"name": "extra-site", "mountPath": "/etc/site", "readOnly": True},
    ]


def test_issuers_leave_anonymous_requests_limited(tmp_path: Path) -> None:
    files, _ = changed(tmp_path, {"controlPlane": {"apiServer": {"authentication": {"jwt": [JWT]}}}})
    found = yaml.safe_load(files[f"{API}/authentication.yaml"])
    assert found["jwt"] == [JWT]
    assert [one["path"] for one in found["anonymous"]["conditions"]] == ["/livez", "/readyz", "/healthz"]


def test_audit_policy_replaces_the_program_s_own(tmp_path: Path) -> None:
    policy = {"rules": [{"level": "RequestResponse", "users": ["admin"]}]}
    files, _ = changed(tmp_path, {"controlPlane": {"apiServer": {"auditPolicy": policy}}})
    found = yaml.safe_load(files[f"{API}/audit-policy.yaml"])
    assert found == {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", **policy}


def test_pod_security_defaults(tmp_path: Path) -> None:
    settings = {"enforce": "baseline", "warn": "restricted", "exemptNamespaces": ["legacy"]}
    limits = {"apiVersion": "eventratelimit.admission.k8s.io/v1alpha1", "kind": "Configuration"}
    api = {"podSecurity": settings, "admission": {"EventRateLimit": limits}}
    files, units = changed(tmp_path, {"controlPlane": {"apiServer": api}})
    assert units == {"kube-apiserver.service"}
    [rate, security] = yaml.safe_load(files[f"{API}/admission.yaml"])["plugins"]
    assert rate == {"name": "EventRateLimit", "configuration": limits}
    assert security["configuration"]["defaults"] == {
        "enforce": "baseline",
        "enforce-version": "latest",
        "warn": "restricted",
        "warn-version": "latest",
    }
    assert security["configuration"]["exemptions"]["namespaces"] == ["kube-system", "legacy"]
    assert f"--admission-control-config-file={API}/admission.yaml" in files[f"{MANIFESTS}/kube-apiserver.yaml"]


def test_etcd_setting_is_quoted_for_systemd(tmp_path: Path) -> None:
    arguments = {"log-rotation-config-json": '{"maxsize": 1}', "experimental-memory-mlock": True, "cors": "*"}
    files, _ = changed(tmp_path, {"etcd": {"extraArgs": arguments}})
    assert files["/etc/etcd/etcd.env"].splitlines()[-3:] == [
        'ETCD_LOG_ROTATION_CONFIG_JSON="{\\"maxsize\\": 1}"',
        "ETCD_EXPERIMENTAL_MEMORY_MLOCK=true",
        "ETCD_CORS=*",
    ]


def test_kube_proxy_settings_are_merged(tmp_path: Path) -> None:
    settings = {"clientConnection": {"qps": 20}, "metricsBindAddress": "0.0.0.0:10249"}
    files, _ = changed(tmp_path, {"network": {"kubeProxy": settings}})
    found = yaml.safe_load(files["/etc/kubernetes/kube-proxy/config.yaml"])
    assert found["clientConnection"] == {"kubeconfig": "/etc/kubernetes/kube-proxy/kubeconfig", "qps": 20}
    assert found["metricsBindAddress"] == "0.0.0.0:10249"
    assert found["mode"] == "nftables"


def test_without_settings_nothing_is_checked_on_the_node(tmp_path: Path) -> None:
    scripts = [one.script for step in plan(clusters.load(tmp_path)).of_node(NODE) for one in step.state.verifications]
    assert scripts
    assert not [script for script in scripts if "unshare" in script]


def test_check_reads_staged_files_and_volumes_of_the_node(tmp_path: Path) -> None:
    settings = {
        "extraArgs": {"tracing-config-file": "/site/it's.yaml"},
        "extraVolumes": {"site": {"hostPath": "/etc/site", "mountPath": "/site"}},
    }
    steps = plan(clusters.load(tmp_path, clusters.values() | {"controlPlane": {"apiServer": settings}})).of_node(NODE)
    [check] = [one for step in steps for one in step.state.verifications if "unshare" in one.script]
    assert f"{MANIFESTS}/kube-apiserver.yaml" in check.files
    assert f'--audit-policy-file="$(staged {API}/audit-policy.yaml)"' in check.script
    assert """'--tracing-config-file=/etc/site/it'"'"'s.yaml'""" in check.script
    assert "--etcd-cafile=/nonexistent/plumbline" in check.script
    assert f"--etcd-cafile={API}" not in check.script
