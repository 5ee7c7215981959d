"""Settings of the control plane on three control-plane nodes: flags, their refusal, and tokens of an own OIDC issuer."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.e2e import scenarios
from tests.e2e.captured import check_captured
from tests.e2e.harness import ROOT, Project, running_project, wait_for
from tests.e2e.site.issuer import Issuer

pytestmark = [pytest.mark.e2e, pytest.mark.site, pytest.mark.timeout(1800)]
CONTROL_PLANE = ("m1", "m2", "m3")
NODES = (*CONTROL_PLANE, "w1")
PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
UNITS = (
    *(f"{name}.service" for name in PROGRAMS),
    "etcd.service",
    "kube-proxy.service",
    "kubelet.service",
    "containerd.service",
)
GATEWAY, ISSUER_PORT, AUDIENCE = "10.78.0.1", 8443, "plumbline"
FLAG = "controlPlane.apiServer.extraArgs.max-requests-inflight"
FLAGS = {
    FLAG: 800,
    "controlPlane.controllerManager.extraArgs.node-monitor-period": "4s",
    "controlPlane.scheduler.extraArgs.v": 3,
    "controlPlane.scheduler.extraVolumes.site": {"hostPath": "/etc/site"},
    "etcd.extraArgs.snapshot-count": 20000,
    "network.kubeProxy.metricsBindAddress": "0.0.0.0:10249",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with running_project(tmp_path_factory.mktemp("site"), "hosts") as project:
        yield project


@pytest.fixture(scope="module")
def issuer(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Issuer, str]]:
    """An issuer on the gateway of the nodes' network, inside the lab's network namespace, and its CA."""
    folder = tmp_path_factory.mktemp("issuer")
    one = Issuer(GATEWAY, ISSUER_PORT)
    ca = one.prepare(folder)
    command = [*("-m", "lab", "exec", "--"), sys.executable, "-m", "tests.e2e.site.issuer"]
    server = subprocess.Popen(
        [project.path / ".venv/bin/python", *command, folder, GATEWAY, str(ISSUER_PORT)],
        cwd=project.path,
        env={**project.environment(), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield one, ca
    finally:
        server.terminate()
        server.wait()


def configure(project: Project, values: dict[str, Any]) -> None:
    """Set values of the stack file by their path below `plumbline:`; None removes one."""
    file = project.path / f"Pulumi.{project.stack}.yaml"
    stack = yaml.safe_load(file.read_text())
    for path, value in values.items():
        first, *parents = path.split(".")
        last = parents.pop()
        below = stack["config"].setdefault(f"plumbline:{first}", {})
        for parent in parents:
            below = below.setdefault(parent, {})
        if value is None:
            del below[last]
        else:
            below[last] = value
    file.write_text(yaml.safe_dump(stack))


def started(project: Project) -> dict[tuple[str, str], str]:
    """When each unit of each node became active."""
    found: dict[tuple[str, str], str] = {}
    for node in NODES:
        printed = project.ssh(
            node,
            f"for unit in {' '.join(UNITS)}; do systemctl show -p ActiveEnterTimestampMonotonic --value $unit; done",
        )
        found |= {(node, unit): text for unit, text in zip(UNITS, printed.splitlines(), strict=True)}
    return found


def restarted(before: dict[tuple[str, str], str], after: dict[tuple[str, str], str]) -> dict[str, set[str]]:
    """The units that started again, by node."""
    found: dict[str, set[str]] = {}
    for (node, unit), text in after.items():
        if before[node, unit] != text:
            found.setdefault(node, set()).add(unit.removesuffix(".service"))
    return found


def one_node_at_a_time(project: Project) -> list[tuple[str, str]]:
    """The restarts as (unit, node) in their order, kube-proxy's apart, which need no slot. Each waits for the former node."""
    restarts: list[tuple[str, str]] = []
    ready: set[str] = set()
    for one in project.operations():
        units = [path for path in one["paths"] if path != "kube-proxy.service"]
        if one["op"] == "ready":
            ready.add(one["node"])
        elif one["op"] == "restart" and units:
            assert not restarts or restarts[-1][1] in {one["node"], *ready}, f"{one['node']} did not wait: {restarts}"
            restarts += [(unit.removesuffix(".service"), one["node"]) for unit in units]
            ready.clear()
    return restarts


def arguments(project: Project, node: str, program: str) -> list[str]:
    """The command line of a running program."""
    return project.ssh(node, f"tr '\\0' '\\n' </proc/$(pidof -s {program})/cmdline").splitlines()


def test_flag_of_each_component(project: Project) -> None:
    """Each component gets its flag, one node at a time, and nothing else restarts."""
    for node in CONTROL_PLANE:
        project.ssh(node, "mkdir -p /etc/site; echo seen >/etc/site/note")
    configure(project, FLAGS)
    before = started(project)
    project.operations()
    project.pulumi("up", "--yes", "--skip-preview")
    everything = {*PROGRAMS, "etcd"}
    assert sorted(one_node_at_a_time(project)) == sorted(itertools.product(everything, CONTROL_PLANE))
    everything.add("kube-proxy")
    assert restarted(before, started(project)) == {**dict.fromkeys(CONTROL_PLANE, everything), "w1": {"kube-proxy"}}
    for node in CONTROL_PLANE:
        assert "--max-requests-inflight=800" in arguments(project, node, "kube-apiserver")
        assert "--node-monitor-period=4s" in arguments(project, node, "kube-controller-manager")
        assert "--v=3" in arguments(project, node, "kube-scheduler")
        assert project.ssh(node, "cat /proc/$(pidof -s kube-scheduler)/root/etc/site/note").strip() == "seen"
        environment = project.ssh(node, "tr '\\0' '\\n' </proc/$(pidof -s etcd)/environ")
        assert "ETCD_SNAPSHOT_COUNT=20000" in environment.splitlines()
    address = project.output("nodes")[3]["address"]
    assert "kubeproxy_" in project.lab("exec", "--", "curl", "-fsS", f"http://{address}:10249/metrics")
    scenarios.second_up_writes_nothing(project)


def test_preview_of_a_changed_flag(project: Project) -> None:
    configure(project, {FLAG: 900})
    preview = project.make("preview")
    assert "max-requests-inflight=900" in preview
    assert set(re.findall(r"^ +restart +(\S+)", preview, re.MULTILINE)) == {"kube-apiserver.service"}
    configure(project, {FLAG: 800})


def test_owned_and_unknown_flags_are_refused(project: Project) -> None:
    wrong = {
        "controlPlane.apiServer.extraArgs.secure-port": 443,
        "controlPlane.scheduler.extraArgs.kube-api-qbs": 10,
        "controlPlane.controllerManager.extraArgs.leader-elect-retry-period": "1s",
    }
    configure(project, wrong)
    try:
        project.operations()
        printed = project.pulumi("up", "--yes", check=False)
        check_captured("refused-flags", printed)
        assert {one["op"] for one in project.operations()} <= {"read"}, (
            "a refresh may have read the nodes; nothing else"
        )
    finally:
        configure(project, dict.fromkeys(wrong))


def test_program_refuses_before_any_restart(project: Project) -> None:
    """A value that the program refuses, and a folder that no node has: nothing is changed on any node."""
    before = started(project)
    retention = "etcd.extraArgs.auto-compaction-retention"
    try:
        printed = refused(project, {FLAG: -1})
        assert "kube-apiserver refuses its settings: --max-requests-inflight can not be negative value" in printed
        printed = refused(project, {FLAG: 800, retention: "soon"})
        assert 'etcd refuses its settings: error parsing CompactionRetention: time: invalid duration "soon"' in printed
        for node in CONTROL_PLANE:
            project.ssh(node, "mv /etc/site /etc/site.away")
        printed = refused(project, {retention: None, "controlPlane.scheduler.extraArgs.v": 4})
        assert "kube-scheduler: the volume site needs the folder /etc/site, which this node does not have" in printed
        assert restarted(before, started(project)) == {}
    finally:
        for node in CONTROL_PLANE:
            project.ssh(node, "test -d /etc/site || mv /etc/site.away /etc/site")
            assert project.ssh(node, "grep -c '/image overlay' /proc/mounts || true").strip() == "0", (
                "an image is still mounted"
            )
    configure(project, {"controlPlane.scheduler.extraArgs.v": 3})
    project.pulumi("up", "--yes", "--skip-preview")
    assert restarted(before, started(project)) == {}


def refused(project: Project, values: dict[str, Any]) -> str:
    """Return the output of an update with these values, which nodes refuse."""
    configure(project, values)
    printed = project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert "was refused, nothing was changed" in printed
    return printed


def test_tokens_of_an_issuer(project: Project, issuer: tuple[Issuer, str]) -> None:
    """A token of the issuer is its user on each API server; one of another key, or for another audience, is nobody.

    A flag changes in the same update: only the API servers restart, one node at a time.
    """
    one, ca = issuer
    jwt = {
        "issuer": {"url": one.url, "audiences": [AUDIENCE], "certificateAuthority": ca},
        "claimMappings": {
            "username": {"claim": "sub", "prefix": "oidc:"},
            "groups": {"claim": "groups", "prefix": "oidc:"},
        },
    }
    settings = {"enforce": "baseline", "warn": "restricted"}
    policy = {"rules": [{"level": "Metadata", "users": ["oidc:alice"]}, {"level": "None"}]}
    configure(
        project,
        {
            FLAG: 900,
            "controlPlane.apiServer.authentication": {"jwt": [jwt]},
            "controlPlane.apiServer.podSecurity": settings,
            "controlPlane.apiServer.auditPolicy": policy,
        },
    )
    before = started(project)
    project.operations()
    project.pulumi("up", "--yes", "--skip-preview")
    assert sorted(one_node_at_a_time(project)) == [("kube-apiserver", node) for node in CONTROL_PLANE]
    assert restarted(before, started(project)) == {node: {"kube-apiserver"} for node in CONTROL_PLANE}

    for node in CONTROL_PLANE:
        assert "--max-requests-inflight=900" in arguments(project, node, "kube-apiserver")
    another = rsa.generate_private_key(65537, 2048)
    for row in project.output("nodes")[:3]:
        asked = Asked(project, str(row["address"]))
        good = one.token("alice", AUDIENCE, ("ops",))
        wait_for(
            "the API server knows the issuer",
            lambda asked=asked, good=good: "oidc:alice" in asked.with_token(good, "auth", "whoami"),
        )
        printed = asked.with_token(good, "auth", "whoami")
        assert re.search(r"^Groups +\[oidc:ops system:authenticated\]$", printed, re.MULTILINE), printed
        check_captured("oidc-accepted", printed)
        printed = asked.with_token(one.token("alice", AUDIENCE, ("ops",), another), "auth", "whoami")
        check_captured("oidc-refused", printed)
        assert "Unauthorized" in asked.with_token(one.token("alice", "another", ("ops",)), "auth", "whoami")
        # The issuer's user has the permissions that RBAC gives, here none.
        assert 'User "oidc:alice" cannot list resource "pods"' in asked.with_token(good, "get", "pods")
        assert "Unauthorized" in asked.anonymous("/api")
    for node in CONTROL_PLANE:
        project.ssh(node, """grep -q '"username":"oidc:alice"' /var/log/kubernetes/audit/audit.log""")


def test_pod_security_defaults(project: Project) -> None:
    """A privileged pod is refused in a namespace without labels; the control plane's own pods run."""
    admin = Asked(project, str(project.output("nodes")[0]["address"]))
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "proof", "namespace": "default"},
        "spec": {"hostNetwork": True, "containers": [{"name": "proof", "image": "proof"}]},
    }
    printed = admin.as_admin("apply", "--dry-run=server", "--filename", "-", stdin=json.dumps(pod))
    assert 'violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)' in printed
    pod["spec"] = {"containers": [{"name": "proof", "image": "proof"}]}
    printed = admin.as_admin("apply", "--dry-run=server", "--filename", "-", stdin=json.dumps(pod))
    assert 'Warning: would violate PodSecurity "restricted:latest"' in printed
    assert "pod/proof created (server dry run)" in printed
    pods = json.loads(admin.as_admin("get", "pods", "--namespace", "kube-system", "--output", "json"))["items"]
    assert {f"{name}-{node}" for name in PROGRAMS for node in CONTROL_PLANE} <= {
        one["metadata"]["name"] for one in pods
    }
    scenarios.second_up_writes_nothing(project)


class Asked:
    """One API server, asked as the admin, with a token, or as nobody. Tokens and keys are in files, not in arguments."""

    def __init__(self, project: Project, address: str) -> None:
        self._project = project
        self._folder = project.path / ".lab" / "asked"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        config = yaml.safe_load(project.secret_output("stack", "output", "kubeconfig"))
        self._server = f"https://{address}:6443"
        config["clusters"][0]["cluster"]["server"] = self._server
        self._config = config
        [self._kubectl] = (project.path / ".lab/mirror/kubernetes").glob("*/kubectl")

    def as_admin(self, *command: str, stdin: str | None = None) -> str:
        """Return what kubectl prints with the admin's certificate."""
        return self._run(self._config, command, stdin)

    def with_token(self, token: str, *command: str) -> str:
        """Return what kubectl prints with a token in place of the admin's certificate."""
        users = [{"name": one["name"], "user": {"token": token}} for one in self._config["users"]]
        return self._run({**self._config, "users": users}, command)

    def anonymous(self, path: str) -> str:
        """Return the API server's answer to a request without credentials."""
        return self._project.lab(
            "exec", "--", "curl", "--silent", "--insecure", "--max-time", "10", f"{self._server}{path}"
        )

    def _run(self, config: dict[str, Any], command: tuple[str, ...], stdin: str | None = None) -> str:
        file: Path = self._folder / "config"
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump(config))
        whole = ("exec", "--", str(self._kubectl), "--kubeconfig", str(file), "--request-timeout", "20s", *command)
        python = str(self._project.path / ".venv/bin/python")
        return self._project.run(python, "-m", "lab", *whole, stdin=stdin, check=False)
