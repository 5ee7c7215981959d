"""The kubelet of a node: configuration, kubeconfig and unit, and the reaction to a change of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cluster.config.kubelet_base import BASE, merge
from cluster.config.model import Cluster, Node, Role, Taint
from cluster.node import control_plane, kube_proxy, kubeconfig, paths, static_pod
from cluster.node.binaries import Binaries, binaries
from cluster.node.rollouts import rollout
from cluster.node.tls import CIPHERS
from cluster.rendering import dump_yaml, render
from cluster.step import CA, After, NodeStateStep, certificate, key_pair, step_name
from nodestate import Action, Directory, File, Foreign, NodeState, Reaction, Readiness, Unit, Verification

COMPONENT = "kubelet"
UNIT = "kubelet.service"


def plan(cluster: Cluster, node: Node) -> NodeStateStep:
    """The kubelet of one node.

    It rereads its serving certificate, and its client certificate within minutes. The latter cannot be observed from
    outside, so nothing waits for it. A new CA needs a restart.
    """
    programs = binaries(cluster)
    restarts_on = (programs.kubelet, paths.KUBELET_CONFIG, paths.KUBECONFIG, paths.KUBELET_UNIT, paths.CA_CERTIFICATE)
    return NodeStateStep(
        node=node.name,
        component=COMPONENT,
        state=NodeState(
            files={
                programs.kubelet: File(source=cluster.kubernetes.artifacts.kubelet, mode="0755"),
                paths.KUBELET_CONFIG: File(dump_yaml(configuration(cluster, node)), mode="0600"),
                paths.KUBECONFIG: File(kubeconfig.kubelet(cluster), mode="0600"),
                paths.KUBELET_UNIT: File(_unit(programs, node), mode="0600"),
                # Read for each connection: a change restarts nothing.
                paths.HOSTS: File(kubeconfig.hosts(cluster, node) + _hosts(node), block=True),
                programs.static_pod: File(static_pod.script(programs), mode="0755"),
            },
            directories={
                paths.KUBERNETES: Directory(),
                paths.PKI: Directory(),
                # The kubelet runs whatever is in it.
                paths.MANIFESTS: Directory("0700", foreign=Foreign.REMOVED, known=_manifests(cluster, node)),
                paths.VOLUME_PLUGINS: Directory(),
            },
            units={UNIT: Unit(foreign_drop_ins=Foreign.REMOVED)},
            reactions=(
                Reaction(UNIT, Action.RESTART, restarts_on),
                Reaction(
                    UNIT,
                    Action.SELF_RELOAD,
                    (paths.KUBELET_CERTIFICATE, paths.KUBELET_KEY),
                    served_at=paths.KUBELET_SERVED,
                    certificate=paths.KUBELET_CERTIFICATE,
                ),
            ),
            readiness=(Readiness(UNIT, http=paths.KUBELET_HEALTH, timeout=300),),
            verifications=(_verification(programs, node),),
            rollout=rollout(cluster, node),
        ),
        issued=(
            certificate(CA.KUBERNETES, paths.CA_CERTIFICATE),
            *key_pair(f"{node.name}-kubelet-client", paths.KUBELET_CLIENT_CERTIFICATE, paths.KUBELET_CLIENT_KEY),
            *key_pair(f"{node.name}-kubelet-serving", paths.KUBELET_CERTIFICATE, paths.KUBELET_KEY),
        ),
        after=(After(step_name(node.name, "runtime"), "the kubelet exits without a container runtime"),),
    )


def _manifests(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """The manifests of the node's static pods, which belong to other components: a run for the kubelet alone leaves them."""
    pods = control_plane.static_pods(cluster, node) if node.role is Role.CONTROL_PLANE else ()
    return tuple(pod.manifest_path for pod in (*pods, kube_proxy.static_pod(cluster, node)))


def configuration(cluster: Cluster, node: Node) -> dict[str, Any]:
    """The node's KubeletConfiguration: the program's own, the cluster's overrides and the node's, merged by key in this order."""
    own = {
        "authentication": {"x509": {"clientCAFile": paths.CA_CERTIFICATE}},
        "clusterDNS": [str(cluster.network.cluster_dns)],
        "clusterDomain": cluster.domain,
        "containerRuntimeEndpoint": f"unix://{paths.CONTAINERD_SOCKET}",
        "registerWithTaints": [_taint(taint) for taint in node.taints],
        "staticPodPath": paths.MANIFESTS,
        "tlsCertFile": paths.KUBELET_CERTIFICATE,
        "tlsPrivateKeyFile": paths.KUBELET_KEY,
        "tlsCipherSuites": list(CIPHERS),
        "volumePluginDir": paths.VOLUME_PLUGINS,
    }
    return merge(merge(merge(BASE, own), cluster.kubelet), node.kubelet)


def _taint(taint: Taint) -> dict[str, str]:
    value = {"value": taint.value} if taint.value else {}
    return {"key": taint.key, **value, "effect": taint.effect}


@dataclass(frozen=True)
class _UnitParameters:
    bin: str
    kubelet: str
    config: str
    kubeconfig: str
    name: str
    address: str
    labels: str


def _unit(programs: Binaries, node: Node) -> str:
    return render(
        "node/kubelet/kubelet.service.j2",
        _UnitParameters(
            bin=programs.folder,
            kubelet=programs.kubelet,
            config=paths.KUBELET_CONFIG,
            kubeconfig=paths.KUBECONFIG,
            name=node.name,
            address=str(node.address),
            labels=_labels(node),
        ),
    )


def _hosts(node: Node) -> str:
    """The site's lines of /etc/hosts: a file has one block."""
    return "".join(f"{address} {name}\n" for name, address in sorted(node.site.hosts.items()))


def _labels(node: Node) -> str:
    """The value of --node-labels."""
    return ",".join(f"{key}={value}" for key, value in sorted(node.labels.items()))


@dataclass(frozen=True)
class _VerifyParameters:
    kubelet: str
    config: str
    labels: str


def _verification(programs: Binaries, node: Node) -> Verification:
    """The kubelet itself judges its configuration and labels before they replace the former ones, in about 50 ms.

    It does not find what a kubelet checks later, such as CPUs that do not exist: then the restart fails, and is rolled back.
    """
    parameters = _VerifyParameters(programs.kubelet, paths.KUBELET_CONFIG, _labels(node))
    files = (programs.kubelet, paths.KUBELET_CONFIG, paths.KUBELET_UNIT)
    return Verification(files, render("node/kubelet/verify.sh.j2", parameters))
