"""Renewal of all leaf certificates at once, while clients send requests."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cluster.node import etcd
from tests.e2e.api import Kubectl
from tests.e2e.harness import Project
from tests.e2e.scenarios import age, second_up_writes_nothing

UNITS = ("kubelet.service", "kube-proxy.service")
CONTROL_PLANE_UNITS = (
    *("etcd.service", "kube-apiserver.service", "kube-controller-manager.service", "kube-scheduler.service"),
)
SERVED = {
    "/etc/kubernetes/pki/kubelet.crt": 10250,
    "/etc/kubernetes/kube-apiserver/server.crt": 6443,
    "/etc/etcd/pki/server.crt": etcd.CLIENT_PORT,
}
CLIENT = """
n=0 failed=0
end=$(($(date +%s) + 600))
while [ ! -e .lab/client.stop ] && [ "$(date +%s)" -lt "$end" ]; do
  n=$((n + 1))
  kubectl get --raw /api/v1/namespaces/default >/dev/null 2>&1 || failed=$((failed + 1))
done
echo "$n $failed"
"""


def all_leaves_are_renewed(project: Project, kubectl: Kubectl, control_plane: Sequence[str]) -> None:
    """The plan shows each certificate and the units that reread it; nothing restarts, and no request fails."""
    nodes = [row["name"] for row in project.output("nodes")]
    units = {name: (*UNITS, *(CONTROL_PLANE_UNITS if name in control_plane else ())) for name in nodes}
    before = {(name, unit): project.started(name, unit) for name in nodes for unit in units[name]}
    pods = _restarts(kubectl)
    old = {row["name"]: row["serial"] for row in project.output("certificates")}
    age(project)
    preview = project.pulumi("preview", "--diff")
    for name in old:
        assert f"{name}-certificate" in preview, name
    for name in control_plane:
        for unit in ("etcd.service", "kube-apiserver.service", "kubelet.service"):
            assert f"{name}: {unit} rereads its files by itself because" in preview
    assert not re.findall(r"\S+: \S+ will restart because.*", preview)
    client = kubectl.start(CLIENT)
    stop = project.path / ".lab/client.stop"
    try:
        project.pulumi("up", "--yes", timeout=1500)
    finally:
        stop.touch()
        printed, _ = client.communicate(timeout=60)
        stop.unlink()
    requests, failed = (int(word) for word in printed.split())
    print(f"{requests} requests, {failed} failed")
    assert requests > 20
    assert failed == 0, f"{failed} of {requests} requests failed"
    new = {row["name"]: row["serial"] for row in project.output("certificates")}
    assert not [name for name in old if old[name] == new[name]]
    assert before == {(name, unit): project.started(name, unit) for name in nodes for unit in units[name]}
    assert pods == _restarts(kubectl), "no control-plane container may restart"
    for name in control_plane:
        for path, port in SERVED.items():
            served = project.ssh(
                name,
                f"true | openssl s_client -connect 127.0.0.1:{port} 2>/dev/null | openssl x509 -noout -serial\n"
                f"openssl x509 -noout -serial -in {path}\n",
            ).split()
            assert served[0] == served[1], (name, path)
    second_up_writes_nothing(project)


def _restarts(kubectl: Kubectl) -> dict[str, int]:
    return {
        pod["metadata"]["name"]: sum(status["restartCount"] for status in pod["status"].get("containerStatuses", []))
        for pod in kubectl.get("pods", "--namespace", "kube-system")["items"]
        if "component" in pod["metadata"].get("labels", {})
    }
