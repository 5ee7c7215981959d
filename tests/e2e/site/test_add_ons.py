"""Add-ons of others, from their own manifests: flannel as the CNI plugin, metrics-server, volumes of Local Path Provisioner."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from builder.cache import locked
from cluster import versions
from tests.e2e.api import Kubectl
from tests.e2e.captured import check_captured
from tests.e2e.harness import SUITE_LOCK, Project, counts, wait_for
from tests.e2e.scenarios import second_up_writes_nothing
from tests.e2e.site.registry import URL, Servers
from tests.tools import add_ons

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
NODES = {"m1": "10.78.0.11", "w1": "10.78.0.21"}
USER = "puller"
PASSWORD = "s3cret-Passphrase-1147"
POD_NETWORK = "10.244.0.0/16"
PLUGIN = r"""#!/bin/sh
# In place of flannel's CNI plugin, whose module cannot be had: a pair of interfaces with an address of flanneld's subnet.
. /run/flannel/subnet.env
exec /opt/cni/bin/ptp <<END
{"cniVersion": "1.0.0", "name": "cbr0", "type": "ptp", "mtu": $FLANNEL_MTU, "ipam": {
  "type": "host-local", "ranges": [[{"subnet": "${FLANNEL_SUBNET%.*}.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}
END
"""


def flannel() -> list[Any]:
    """Its manifest with the settings for this network, and without the container that installs its plugin."""
    documents = list(yaml.safe_load_all(add_ons.flannel_manifest()))
    for one in documents:
        if one["kind"] == "ConfigMap":
            network = {"Network": POD_NETWORK, "EnableNFTables": True, "Backend": {"Type": "host-gw"}}
            one["data"]["net-conf.json"] = json.dumps(network)
        if one["kind"] == "DaemonSet":
            containers = one["spec"]["template"]["spec"]["initContainers"]
            [plugin] = [container for container in containers if container["name"] == "install-cni-plugin"]
            containers.remove(plugin)
    return documents


def metrics_server() -> list[Any]:
    """Its manifests with the labels of its release, and the arguments of the how-to."""
    documents = [one for text in add_ons.metrics_server_manifests() for one in yaml.safe_load_all(text) if one]
    labels = {"k8s-app": "metrics-server"}
    for one in documents:
        if one["kind"] == "Service":
            one["spec"]["selector"] = labels
        if one["kind"] == "Deployment":
            one["spec"]["selector"] = {"matchLabels": labels}
            one["spec"]["template"]["metadata"] = {"labels": labels}
            [container] = one["spec"]["template"]["spec"]["containers"]
            container["image"] = add_ons.IMAGES["metrics-server"].name
            container["args"] = [
                "--cert-dir=/tmp",
                "--secure-port=10250",
                "--kubelet-preferred-address-types=InternalIP",
                "--kubelet-certificate-authority=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
                "--metric-resolution=15s",
            ]
    return documents


def local_path() -> list[Any]:
    """Its manifest with an image that the test's registry has for the pods that make folders."""
    text = add_ons.local_path_manifest()
    assert text.count("image: busybox\n") == 1
    return list(yaml.safe_load_all(text.replace("image: busybox\n", f"image: {STORAGE}\n")))


STORAGE = add_ons.IMAGES["local-path-provisioner"].name


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One control-plane node and a worker without a CNI plugin; the lab runs, and the stack is not created yet."""
    project = Project.copy(tmp_path_factory.mktemp("add-ons") / "plumbline", "hosts")
    file = project.path / "Pulumi.hosts.yaml"
    stack = yaml.safe_load(file.read_text())
    config = stack["config"]
    config["plumbline:nodes"] = {name: config["plumbline:nodes"][name] for name in NODES}
    config["plumbline:network"] |= {"cni": "none", "podCIDR": POD_NETWORK}
    config["plumbline:site"] = {"files": {"/opt/cni/bin/flannel": {"content": PLUGIN, "mode": "0755"}}}
    config["plumbline:addOns"] = {"flannel": {"files": ["add-ons/flannel.yaml"], "beforeNodes": True}}
    file.write_text(yaml.safe_dump(stack, sort_keys=False))
    (project.path / "add-ons").mkdir()
    for name, documents in (
        ("flannel", flannel()),
        ("metrics-server", metrics_server()),
        ("local-path", local_path()),
    ):
        (project.path / f"add-ons/{name}.yaml").write_text(yaml.safe_dump_all(documents, sort_keys=False))
    with locked(project.path / SUITE_LOCK):
        try:
            project.lab("up", "hosts")
            yield project
        finally:
            project.lab("down", check=False)


@pytest.fixture(scope="module")
def servers(project: Project) -> Iterator[Servers]:
    """A mirror of all registries that has the images of the add-ons."""
    servers = Servers(project, project.path / ".lab/registry")
    try:
        servers.start()
        servers.set_password(USER, PASSWORD)
        archives = [str(add_ons.archive(name)) for name in add_ons.IMAGES]
        python = str(project.path / ".venv/bin/python")
        ca = str(servers.folder / "ca.crt")
        push = [python, "-m", "tests.e2e.site.push", URL, ca, USER, *archives]
        project.lab("exec", "--", *push, stdin=PASSWORD)
        project.make("tools")
        project.pulumi("stack", "init")
        mirror = "containerd.registries._default.mirrors[0]"
        project.set(f"{mirror}.url", URL)
        project.set_text(f"{mirror}.ca", servers.ca)
        project.set(f"{mirror}.username", USER)
        project.set_text(f"{mirror}.password", PASSWORD, secret=True)
        yield servers
    finally:
        servers.stop()


@pytest.fixture(scope="module")
def kubectl(project: Project, servers: Servers) -> Kubectl:
    project.make("up")
    return Kubectl(project, ["m1"])


def test_nodes_become_ready_with_flannel(project: Project, kubectl: Kubectl) -> None:
    check_captured("flannel-nodes", kubectl("get", "nodes"))
    check_captured("flannel-pods", kubectl("get", "daemonsets", "--namespace", "kube-flannel"))
    for node, other in (("m1", "w1"), ("w1", "m1")):
        subnet = kubectl.get("node", other)["spec"]["podCIDR"]
        assert subnet.startswith("10.244.")
        assert f"{subnet} via {NODES[other]} " in project.ssh(node, "ip route")
    second_up_writes_nothing(project)


def test_drift_of_the_plugin_s_settings_is_shown_and_repaired(project: Project, kubectl: Kubectl) -> None:
    config = ("configmap/kube-flannel-cfg", "--namespace", "kube-flannel")
    kubectl("patch", *config, "--patch", json.dumps({"data": {"net-conf.json": '{"Network": "10.99.0.0/16"}'}}))
    check_captured("flannel-drift", project.make("preview"))
    project.pulumi("up", "--yes")
    found = kubectl.get("configmap", "kube-flannel-cfg", "--namespace", "kube-flannel")["data"]["net-conf.json"]
    assert json.loads(found)["Network"] == POD_NETWORK
    second_up_writes_nothing(project)


def test_metrics_server_measures_all_nodes(project: Project, kubectl: Kubectl) -> None:
    """The API server reaches it on the worker, so pods are reached from another node."""
    project.set("addOns.metrics-server.files[0]", "add-ons/metrics-server.yaml")
    project.set("addOns.metrics-server.after[0]", "dns")
    check_captured("metrics-server", project.make("preview"))
    project.pulumi("up", "--yes")

    def measured() -> bool:
        printed = kubectl("top", "nodes", check=False)
        return all(any(line.startswith(node) and "%" in line for line in printed.splitlines()) for node in NODES)

    wait_for("metrics of all nodes", measured)
    second_up_writes_nothing(project)


def test_a_volume_keeps_its_data(project: Project, kubectl: Kubectl) -> None:
    project.set("addOns.local-path.files[0]", "add-ons/local-path.yaml")
    project.pulumi("up", "--yes")
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "local-path",
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }
    kubectl("apply", "--filename", "-", stdin=json.dumps(claim))
    try:
        assert run(kubectl, "writer", "echo kept >/data/file && cat /data/file") == "kept\n"
        assert run(kubectl, "reader", "cat /data/file") == "kept\n"
        columns = (
            "NAME:.metadata.name,STATUS:.status.phase,CAPACITY:.status.capacity.storage,CLASS:.spec.storageClassName"
        )
        check_captured("local-path", kubectl("get", "persistentvolumeclaims", "--output", f"custom-columns={columns}"))
    finally:
        kubectl("delete", "persistentvolumeclaim", "data")
    second_up_writes_nothing(project)


def run(kubectl: Kubectl, name: str, script: str) -> str:
    """The log of a pod that runs a shell script with the volume at /data."""
    container = {
        "name": "main",
        "image": STORAGE,
        "command": ["/bin/sh", "-c", script],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    kubectl("apply", "--filename", "-", stdin=json.dumps(pod))
    try:
        wait_for(f"{name} ends", lambda: kubectl.get("pod", name)["status"]["phase"] == "Succeeded", 180)
        return kubectl("logs", name)
    except AssertionError:
        kubectl("describe", "pod", name, check=False)
        raise
    finally:
        kubectl("delete", "pod", name)


def test_removed_add_on_leaves_nothing(project: Project, kubectl: Kubectl) -> None:
    project.unset("addOns.metrics-server")
    project.unset("addOns.local-path")
    report = project.make("preview")
    check_captured("add-ons-removed", report)
    assert counts(project.pulumi("up", "--yes")).get("deleted", 0) >= 2
    for kind, name in (("namespace", "local-path-storage"), ("storageclass", "local-path")):
        assert "NotFound" in kubectl("get", kind, name, check=False)
    assert "NotFound" in kubectl("get", "apiservice", "v1beta1.metrics.k8s.io", check=False)
    assert {one["metadata"]["name"] for one in kubectl.get("nodes")["items"]} == set(NODES)
    assert versions.COREDNS_IMAGE in kubectl("get", "pods", "--all-namespaces", "--output", "yaml")
    second_up_writes_nothing(project)
