"""Checks of a running cluster through the Kubernetes API and from pods."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from cluster.node import etcd, kubeconfig
from cluster.node.binaries import Binaries
from lab import build, parts
from lab.mirror import PORT
from tests.e2e.harness import Project, wait_for
from tests.tools import programs
from tests.tools.programs import AGNHOST

ECHO = "echo"
ETCD = f"https://127.0.0.1:{etcd.CLIENT_PORT}"
"""The client URL of a member on its own node."""


class Kubectl:
    """kubectl with the admin kubeconfig, run in the lab's network outside the nodes.

    The API's name resolves to all control-plane nodes there, as in an operator's DNS.
    """

    def __init__(self, project: Project, control_plane: Sequence[str]) -> None:
        self.project = project
        folder = project.path / ".lab" / "kubectl"
        folder.mkdir(mode=0o700, exist_ok=True)
        self.config = folder / "config"
        self.config.touch(mode=0o600)
        text = project.secret_output("stack", "output", "kubeconfig")
        self.config.write_text(text)
        server = yaml.safe_load(text)["clusters"][0]["cluster"]["server"]
        name = server.removeprefix("https://").removesuffix(f":{kubeconfig.API_PORT}")
        rows = {row["name"]: row["address"] for row in project.output("nodes")}
        self.hosts = folder / "hosts"
        self.hosts.write_text("".join(f"{rows[node]} {name}\n" for node in control_plane))
        self.program = project.path / ".lab/mirror/kubernetes" / f"v{parts.KUBERNETES}" / "kubectl"

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of kubectl."""
        return self.within(
            *(str(self.program), "--kubeconfig", str(self.config), "--request-timeout", "20s", *arguments)
        )

    def within(self, *command: str) -> list[str]:
        """Return the command line that runs a program in its own mount namespace, where the API's name resolves."""
        inner = 'mount --bind "$1" /etc/hosts; shift; exec "$@"'
        return [
            *(str(self.project.path / ".venv/bin/python"), "-m", "lab", "exec", "--"),
            *("unshare", "--mount", "sh", "-ec", inner, "sh", str(self.hosts)),
            *command,
        ]

    def __call__(self, *arguments: str, stdin: str | None = None, check: bool = True, timeout: int = 360) -> str:
        return self.project.run(*self.command(*arguments), stdin=stdin, check=check, timeout=timeout)

    def get(self, *arguments: str) -> Any:
        """Return the output of `get` as data."""
        return json.loads(self("get", *arguments, "--output", "json"))

    def start(self, script: str) -> subprocess.Popen[str]:
        """Start a shell script in which `kubectl` is this command."""
        words = " ".join(f"'{word}'" for word in self.command())
        return subprocess.Popen(
            ["sh", "-c", f'kubectl() {{ {words} "$@"; }}\n{script}'],
            cwd=self.project.path,
            env=self.project.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def every_node_is_ready(kubectl: Kubectl, roles: dict[str, str]) -> None:
    """Check that the API and the outputs have exactly these nodes, each Ready, with the right version and role."""
    pods = {(row["node"], row["name"]): row["image"] for row in kubectl.project.output("controlPlane")}
    control_plane = [name for name, role in roles.items() if role == "control-plane"]
    assert set(pods) == {(node, name) for node in control_plane for name in parts.CONTROL_PLANE}
    assert all(image.endswith(f":v{parts.KUBERNETES}") for image in pods.values())
    assert all(row["ready"] for row in kubectl.project.output("nodes"))
    nodes = {one["metadata"]["name"]: one for one in kubectl.get("nodes")["items"]}
    assert set(nodes) == set(roles)
    for name, node in nodes.items():
        assert ready(node), name
        assert node["status"]["nodeInfo"]["kubeletVersion"] == f"v{parts.KUBERNETES}"
        assert f"node-role.kubernetes.io/{roles[name]}" in node["metadata"]["labels"]


def make_kubectl_lists_nodes(project: Project, nodes: Sequence[str]) -> str:
    """Check that `make kubectl` reaches the API with the stack's kubeconfig, and leaves no file with it. Returns its output."""
    before = set(Path(tempfile.gettempdir()).glob("plumbline-*"))
    output = project.run(*("make", "--no-print-directory", "kubectl", f"STACK={project.stack}", "ARGS=get nodes"))
    rows = [line.split() for line in output.splitlines()[1:]]
    assert {row[0]: row[1] for row in rows} == dict.fromkeys(nodes, "Ready"), output
    assert set(Path(tempfile.gettempdir()).glob("plumbline-*")) == before
    return output


def ready(node: dict[str, Any]) -> bool:
    """Return whether the node has the condition Ready."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"]["conditions"])


def import_test_image(project: Project, nodes: Sequence[str]) -> None:
    """Import the image of the tests' pods on these nodes: they reach no registry. Builds it if needed."""
    archive = programs.agnhost()
    build.place(archive, project.path / ".lab/mirror" / archive.name)
    served = f"{mirror(project)}/{archive.name}"
    for name in nodes:
        project.ssh(
            name,
            f"curl -fsS -o /run/agnhost.tar {served}\n"
            "/opt/bin/ctr -n k8s.io images import /run/agnhost.tar >/dev/null\nrm /run/agnhost.tar\n"
            # Without the label the kubelet removes an unused image when the disk is nearly full.
            f"/opt/bin/ctr -n k8s.io images label {AGNHOST.name} io.cri-containerd.pinned=pinned >/dev/null\n",
            timeout=600,
        )


def mirror(project: Project) -> str:
    """Return the URL of the lab's mirror for the nodes: the first address of their network."""
    address = project.output("nodes")[0]["address"]
    return f"http://{address.rpartition('.')[0]}.1:{PORT}"


def deploy_echo(kubectl: Kubectl, replicas: int) -> None:
    """Deploy a server behind a Service, its replicas spread over the nodes."""
    labels = {"app": ECHO}
    container = {
        "name": ECHO,
        "image": AGNHOST.name,
        "imagePullPolicy": "Never",
        "args": ["netexec", "--http-port=8080"],
        "readinessProbe": {"httpGet": {"path": "/hostname", "port": 8080}, "periodSeconds": 2},
    }
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }
    template = {
        "containers": [container],
        "terminationGracePeriodSeconds": 1,
        "tolerations": [
            {"operator": "Exists", "key": "node-role.kubernetes.io/control-plane"},
            # Evicted soon after its node is lost: the default is minutes.
            {
                "key": "node.kubernetes.io/unreachable",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 5,
            },
        ],
        "topologySpreadConstraints": [spread],
    }
    objects = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": ECHO},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": template},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": ECHO},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
        },
    ]
    kubectl("apply", "--server-side", "--filename", "-", stdin=yaml.safe_dump_all(objects))
    kubectl("rollout", "status", f"deployment/{ECHO}", "--timeout", "240s", "--request-timeout", "250s")


def pod(name: str, node: str, *command: str) -> dict[str, Any]:
    """Return a pod that runs a command once on one node, whatever its taints."""
    container = {"name": "pod", "image": AGNHOST.name, "imagePullPolicy": "Never", "command": list(command)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "nodeName": node,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "tolerations": [{"operator": "Exists"}],
            "containers": [container],
        },
    }


def from_a_pod(kubectl: Kubectl, node: str, name: str, *command: str, expected: str = "") -> str:
    """Run a command in a pod on one node and return its output. It must succeed."""
    kubectl("delete", "pod", name, "--ignore-not-found", "--wait")
    kubectl("create", "--filename", "-", stdin=yaml.safe_dump(pod(name, node, *command)))

    def phase() -> str:
        return str(kubectl.get("pod", name)["status"].get("phase"))

    wait_for(f"pod {name} to end", lambda: phase() in ("Succeeded", "Failed"), 240)
    output = kubectl("logs", name)
    assert phase() == "Succeeded", output
    kubectl("delete", "pod", name, "--wait=false")
    assert expected in output, output
    return output


def pods_find_each_other(kubectl: Kubectl, dns_address: str, domain: str, node: str) -> None:
    """Check that a pod on this node resolves names with the cluster's DNS and reaches a Service on other nodes."""
    names = {f"kubernetes.default.svc.{domain}": "10.3.0.1"}
    echo = kubectl.get("service", ECHO)["spec"]["clusterIP"]
    names[f"{ECHO}.default.svc.{domain}"] = echo
    for index, (name, address) in enumerate(names.items()):
        from_a_pod(kubectl, node, f"dig-{index}", "dig", "+short", "+search", f"@{dns_address}", name, expected=address)
    servers = [one["spec"]["nodeName"] for one in kubectl.get("pods", "--selector", f"app={ECHO}")["items"]]
    assert set(servers) - {node}, "a server on another node"
    script = f"for _ in $(seq 24); do wget -q -T 5 -O - http://{ECHO}/hostname; echo; done"
    output = from_a_pod(kubectl, node, "asks", "sh", "-ec", script)
    from_a_pod(kubectl, node, "connects", "/agnhost", "connect", f"{ECHO}:80", "--timeout=10s")
    assert len(set(output.split())) == len(servers), f"every server answers: {output.split()}"


def services_outlive_a_restart_of_the_proxy(project: Project, node: str, api_service: str) -> None:
    """After the first synchronization of a new kube-proxy its node still reaches the API by its service's address."""
    metric = 'kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"}'
    old = project.ssh(node, "pgrep -x kube-proxy; pkill -x kube-proxy").split()
    synchronized = f"curl -s 127.0.0.1:10249/metrics | grep -F '{metric}' && pgrep -x kube-proxy || true"

    def synchronized_again() -> bool:
        printed = project.ssh(node, synchronized).split()
        return len(printed) == 3 and float(printed[1]) > 0 and [printed[2]] != old

    wait_for(f"a new kube-proxy on {node} has synchronized", synchronized_again)
    assert project.ssh(node, f"curl --silent --insecure --max-time 5 https://{api_service}/readyz") == "ok"


def secrets_are_encrypted_in_etcd(kubectl: Kubectl, project: Project, node: str) -> None:
    """Check on a control-plane node that etcd stores Secrets encrypted, and ConfigMaps in plain text."""
    marker = "Marker-of-a-secret-0123456789"
    kubectl("create", "secret", "generic", "proof", f"--from-literal=key={marker}")
    kubectl("create", "configmap", "proof", f"--from-literal=key={marker}")
    get = f"{etcd.etcdctl(Binaries(), ETCD)} get --print-value-only"
    try:
        open_text = project.ssh(node, f"{get} /registry/configmaps/default/proof | grep -ac {marker}")
        assert open_text.strip() == "1", "positive control: plain text is found"
        stored = project.ssh(
            node,
            f"{get} /registry/secrets/default/proof >/run/stored\n"
            # Only the beginning is text.
            f"head -c 26 /run/stored; echo; grep -ac {marker} /run/stored || true; rm /run/stored\n",
        )
        assert stored.splitlines()[0].startswith("k8s:enc:secretbox:v1:key1:")
        assert stored.splitlines()[-1].strip() == "0"
    finally:
        kubectl("delete", "secret/proof", "configmap/proof")


def a_pod_runs(kubectl: Kubectl, node: str) -> None:
    """Check that the scheduler starts a pod on `node`, the only one without taints."""
    placed = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "runs"},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "pause", "image": parts.PAUSE_IMAGE, "imagePullPolicy": "Never"}],
        },
    }
    kubectl("create", "--filename", "-", stdin=yaml.safe_dump(placed))
    kubectl("wait", "--for=condition=Ready", "pod/runs", "--timeout", "240s", "--request-timeout", "250s")
    found = kubectl.get("pod", "runs")
    assert found["spec"]["nodeName"] == node
    assert found["status"]["podIP"].startswith("10.2.")
    kubectl("delete", "pod", "runs")
