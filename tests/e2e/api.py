"""What holds for the cluster as its users see it: through the API, and from within pods."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

import yaml

from cluster.node import etcd, kubeconfig
from cluster.node.binaries import Binaries
from lab import parts
from lab.mirror import PORT
from tests.e2e.harness import Project, wait_for

AGNHOST = next(image for image in parts.IMAGES if "agnhost" in image.name)
ECHO = "echo"
ETCD = f"https://127.0.0.1:{etcd.CLIENT_PORT}"
"""Where a member is asked on its own node."""


class Kubectl:
    """kubectl with the administrator's kubeconfig, run where the operator stands: outside the nodes.

    The API's name stands for all control-plane nodes there, as in an operator's DNS.
    """

    def __init__(self, project: Project, masters: Sequence[str]) -> None:
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
        self.hosts.write_text("".join(f"{rows[master]} {name}\n" for master in masters))
        self.program = project.path / ".lab/mirror/kubernetes" / f"v{parts.KUBERNETES}" / "kubectl"

    def command(self, *arguments: str) -> list[str]:
        """The command line of kubectl."""
        return self.within(
            *(str(self.program), "--kubeconfig", str(self.config), "--request-timeout", "20s", *arguments)
        )

    def within(self, *command: str) -> list[str]:
        """The command line of a program in a mount namespace of its own where the API's name is known."""
        inner = 'mount --bind "$1" /etc/hosts; shift; exec "$@"'
        return [
            *(str(self.project.path / ".venv/bin/python"), "-m", "lab", "exec", "--"),
            *("unshare", "--mount", "sh", "-ec", inner, "sh", str(self.hosts)),
            *command,
        ]

    def __call__(self, *arguments: str, stdin: str | None = None, check: bool = True, timeout: int = 360) -> str:
        return self.project.run(*self.command(*arguments), stdin=stdin, check=check, timeout=timeout)

    def get(self, *arguments: str) -> Any:
        """What `get` gives, as data."""
        return json.loads(self("get", *arguments, "--output", "json"))

    def start(self, script: str) -> subprocess.Popen[str]:
        """A shell script beside the test, in which `kubectl` is the command."""
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
    """The API knows exactly these nodes, each Ready, with its version and role; the outputs say so, too."""
    pods = {(row["node"], row["name"]): row["image"] for row in kubectl.project.output("controlPlane")}
    masters = [name for name, role in roles.items() if role == "control-plane"]
    assert set(pods) == {(node, name) for node in masters for name in parts.CONTROL_PLANE}
    assert all(image.endswith(f":v{parts.KUBERNETES}") for image in pods.values())
    assert all(row["ready"] for row in kubectl.project.output("nodes"))
    nodes = {one["metadata"]["name"]: one for one in kubectl.get("nodes")["items"]}
    assert set(nodes) == set(roles)
    for name, node in nodes.items():
        assert ready(node), name
        assert node["status"]["nodeInfo"]["kubeletVersion"] == f"v{parts.KUBERNETES}"
        assert f"node-role.kubernetes.io/{roles[name]}" in node["metadata"]["labels"]


def ready(node: dict[str, Any]) -> bool:
    """Whether the API calls the node Ready."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"]["conditions"])


def bring_test_image(project: Project, nodes: Sequence[str]) -> None:
    """Imports the tests' own image on these nodes: they reach no registry."""
    served = f"{mirror(project)}/{AGNHOST.path}"
    for name in nodes:
        project.ssh(
            name,
            f"curl -fsS -o /run/agnhost.tar {served}\n"
            "/opt/bin/ctr -n k8s.io images import /run/agnhost.tar >/dev/null\nrm /run/agnhost.tar\n"
            # Else the kubelet takes it away again while no pod runs it, where the disk is nearly full.
            f"/opt/bin/ctr -n k8s.io images label {AGNHOST.name} io.cri-containerd.pinned=pinned >/dev/null\n",
            timeout=600,
        )


def mirror(project: Project) -> str:
    """Where the nodes reach the lab's mirror: at the first address of the network that they share."""
    address = project.output("nodes")[0]["address"]
    return f"http://{address.rpartition('.')[0]}.1:{PORT}"


def deploy_echo(kubectl: Kubectl, replicas: int) -> None:
    """A server behind a Service, its replicas on nodes of their own as far as there are nodes."""
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
            # Gone with its node soon, so that a test does not wait for minutes.
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
    """A pod of the tests' image that runs a command on one node, whatever its taints, once."""
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
    """Runs a command in a pod on one node; returns what it printed. It must succeed."""
    kubectl("delete", "pod", name, "--ignore-not-found", "--wait")
    kubectl("create", "--filename", "-", stdin=yaml.safe_dump(pod(name, node, *command)))

    def phase() -> str:
        return str(kubectl.get("pod", name)["status"].get("phase"))

    wait_for(f"pod {name} to end", lambda: phase() in ("Succeeded", "Failed"), 240)
    said = kubectl("logs", name)
    assert phase() == "Succeeded", said
    kubectl("delete", "pod", name, "--wait=false")
    assert expected in said, said
    return said


def pods_find_each_other(kubectl: Kubectl, dns_address: str, domain: str, node: str) -> None:
    """A pod on this node resolves names by the cluster's DNS, and reaches a Service whose server is on another node."""
    names = {f"kubernetes.default.svc.{domain}": "10.3.0.1"}
    echo = kubectl.get("service", ECHO)["spec"]["clusterIP"]
    names[f"{ECHO}.default.svc.{domain}"] = echo
    for index, (name, address) in enumerate(names.items()):
        from_a_pod(kubectl, node, f"dig-{index}", "dig", "+short", "+search", f"@{dns_address}", name, expected=address)
    servers = [one["spec"]["nodeName"] for one in kubectl.get("pods", "--selector", f"app={ECHO}")["items"]]
    assert set(servers) - {node}, "a server on another node"
    script = f"for _ in $(seq 24); do wget -q -T 5 -O - http://{ECHO}/hostname; echo; done"
    said = from_a_pod(kubectl, node, "asks", "sh", "-ec", script)
    from_a_pod(kubectl, node, "connects", "/agnhost", "connect", f"{ECHO}:80", "--timeout=10s")
    assert len(set(said.split())) == len(servers), f"every server answers: {said.split()}"


def a_secret_is_not_readable_in_the_store(kubectl: Kubectl, project: Project, master: str) -> None:
    """What the API keeps as a secret stands in etcd under encryption; what is none can be read there."""
    marker = "Marker-of-a-secret-0123456789"
    kubectl("create", "secret", "generic", "proof", f"--from-literal=key={marker}")
    kubectl("create", "configmap", "proof", f"--from-literal=key={marker}")
    get = f"{etcd.etcdctl(Binaries(), ETCD)} get --print-value-only"
    try:
        open_text = project.ssh(master, f"{get} /registry/configmaps/default/proof | grep -ac {marker}")
        assert open_text.strip() == "1", "the check below can fail"
        kept = project.ssh(
            master,
            f"{get} /registry/secrets/default/proof >/run/kept\n"
            # The rest is no text.
            f"head -c 26 /run/kept; echo; grep -ac {marker} /run/kept || true; rm /run/kept\n",
        )
        assert kept.splitlines()[0].startswith("k8s:enc:secretbox:v1:key1:")
        assert kept.splitlines()[-1].strip() == "0"
    finally:
        kubectl("delete", "secret/proof", "configmap/proof")


def a_pod_runs(kubectl: Kubectl, node: str) -> None:
    """A pod that the scheduler places runs on the only node that takes it."""
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
