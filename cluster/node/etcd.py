"""etcd on the control-plane nodes: a systemd unit a member, TLS for clients and peers, changed one member at a time."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from cluster.config.model import Cluster, Node
from cluster.node import paths
from cluster.rendering import TEMPLATES, render
from nodestate import Action, Directory, File, Hook, NodeState, Reaction, Readiness, Rollout, Unit

UNIT = "etcd.service"
GROUP = "etcd"
CLIENT_PORT = 2379
PEER_PORT = 2380

CIPHERS = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
]
"""For TLS 1.2; of TLS 1.3's Go picks its own."""


_ETCDCTL = (
    f"{paths.ETCDCTL} --cacert {paths.ETCD_CA_CERTIFICATE} "
    f"--cert {paths.ETCD_CLIENT_CERTIFICATE} --key {paths.ETCD_CLIENT_KEY}"
)


@dataclass(frozen=True)
class _UnitParameters:
    etcd: str
    settings: str
    initial: str
    data: str
    joined: str
    founded: str


def state(cluster: Cluster, node: Node) -> NodeState:
    """What a control-plane node must hold for its etcd member, without the certificates that the plan issues.

    etcd rereads its own certificates with every connection; its authorities only at its start. What a member is told of
    the first members is read on its very first start and never again, so a change of it restarts nothing.
    """
    return NodeState(
        files={
            paths.ETCD: File(source=cluster.artifacts.etcd, mode="0755"),
            paths.ETCDCTL: File(source=cluster.artifacts.etcdctl, mode="0755"),
            paths.ETCDUTL: File(source=cluster.artifacts.etcdutl, mode="0755"),
            paths.ETCD_SETTINGS: File(_environment(settings(cluster, node)), mode="0600"),
            paths.ETCD_INITIAL: File(_environment(initial(cluster)), mode="0600"),
            paths.ETCD_UNIT: File(
                render(
                    "node/etcd/etcd.service.j2",
                    _UnitParameters(
                        etcd=paths.ETCD,
                        settings=paths.ETCD_SETTINGS,
                        initial=paths.ETCD_INITIAL,
                        data=paths.ETCD_DATA,
                        joined=paths.ETCD_JOINED,
                        founded=paths.ETCD_FOUNDED,
                    ),
                ),
                mode="0600",
            ),
        },
        directories={
            paths.ETCD_CONFIG: Directory("0700"),
            paths.ETCD_PKI: Directory("0700"),
            paths.ETCD_DATA: Directory("0700"),
        },
        units={UNIT: Unit()},
        reactions=(
            Reaction(
                UNIT, Action.RESTART, (paths.ETCD, paths.ETCD_SETTINGS, paths.ETCD_UNIT, paths.ETCD_CA_CERTIFICATE)
            ),
            Reaction(
                UNIT,
                Action.SELF_RELOAD,
                (paths.ETCD_CERTIFICATE, paths.ETCD_KEY),
                served_at=f"127.0.0.1:{CLIENT_PORT}",
                certificate=paths.ETCD_CERTIFICATE,
            ),
        ),
        # Ready means that this member takes part in a quorum and serves linearizable reads.
        readiness=(Readiness(UNIT, http=f"{paths.ETCD_METRICS}/readyz", timeout=300),),
        rollout=Rollout(
            GROUP,
            health_check(cluster, node),
            members=tuple(member.name for member in cluster.control_plane()),
            removal_check=removal_check(cluster),
        ),
        pre_start=(Hook(UNIT, _script(cluster, node, "join.sh")),),
        pre_delete=(Hook(UNIT, _script(cluster, node, "leave.sh")),),
    )


def client_url(node: Node) -> str:
    """Where clients reach a member."""
    return f"https://{node.address}:{CLIENT_PORT}"


def peer_url(node: Node) -> str:
    """Where the other members reach it."""
    return f"https://{node.address}:{PEER_PORT}"


def settings(cluster: Cluster, node: Node) -> dict[str, str]:
    """A member's settings by the name of etcd's environment variable."""
    client, peer = client_url(node), peer_url(node)
    return {
        "ETCD_NAME": node.name,
        "ETCD_DATA_DIR": paths.ETCD_DATA,
        "ETCD_LISTEN_CLIENT_URLS": f"{client},https://127.0.0.1:{CLIENT_PORT}",
        "ETCD_ADVERTISE_CLIENT_URLS": client,
        "ETCD_LISTEN_PEER_URLS": peer,
        "ETCD_INITIAL_ADVERTISE_PEER_URLS": peer,
        "ETCD_LISTEN_METRICS_URLS": paths.ETCD_METRICS,
        "ETCD_CERT_FILE": paths.ETCD_CERTIFICATE,
        "ETCD_KEY_FILE": paths.ETCD_KEY,
        "ETCD_CLIENT_CERT_AUTH": "true",
        "ETCD_TRUSTED_CA_FILE": paths.ETCD_CA_CERTIFICATE,
        "ETCD_PEER_CERT_FILE": paths.ETCD_PEER_CERTIFICATE,
        "ETCD_PEER_KEY_FILE": paths.ETCD_PEER_KEY,
        "ETCD_PEER_CLIENT_CERT_AUTH": "true",
        "ETCD_PEER_TRUSTED_CA_FILE": paths.ETCD_CA_CERTIFICATE,
        "ETCD_TLS_MIN_VERSION": "TLS1.2",
        "ETCD_CIPHER_SUITES": ",".join(CIPHERS),
        "ETCD_HEARTBEAT_INTERVAL": str(cluster.etcd.heartbeat),
        "ETCD_ELECTION_TIMEOUT": str(cluster.etcd.election),
        "ETCD_QUOTA_BACKEND_BYTES": str(cluster.etcd.quota << 20),
        "ETCD_AUTO_COMPACTION_MODE": "periodic",
        "ETCD_AUTO_COMPACTION_RETENTION": "8h",
        "ETCD_STRICT_RECONFIG_CHECK": "true",
        "ETCD_WATCH_PROGRESS_NOTIFY_INTERVAL": "5s",
    }


def initial(cluster: Cluster) -> dict[str, str]:
    """The first members: read by a member without data only."""
    members = [f"{node.name}={peer_url(node)}" for node in cluster.control_plane()]
    return {
        "ETCD_INITIAL_CLUSTER": ",".join(members),
        "ETCD_INITIAL_CLUSTER_STATE": "new",
        "ETCD_INITIAL_CLUSTER_TOKEN": cluster.name,
    }


def client(endpoints: str) -> str:
    """The start of an etcdctl command on a control-plane node, with the certificate that may ask for health."""
    return f"{_ETCDCTL} --endpoints {endpoints}"


def _script(cluster: Cluster, node: Node, name: str) -> str:
    values = {
        "etcdctl": _ETCDCTL,
        "others": " ".join(_others(cluster, node)),
        "name": node.name,
        "peer": peer_url(node),
        "data": paths.ETCD_DATA,
        "founded": paths.ETCD_FOUNDED,
    }
    lines = [f"{key}={shlex.quote(value)}\n" for key, value in values.items()]
    return "".join([*lines, *((TEMPLATES / "node/etcd" / file).read_text() for file in ("members.sh", name))])


def _members(cluster: Cluster) -> list[str]:
    """The members, each as `<name>=<client URL>`: labels, addresses and ports, so that no shell takes offence."""
    return [f"{one.name}={client_url(one)}" for one in cluster.control_plane()]


def _others(cluster: Cluster, node: Node) -> list[str]:
    return [member for member in _members(cluster) if not member.startswith(f"{node.name}=")]


def health_check(cluster: Cluster, node: Node) -> str | None:
    """Succeeds while the other members hold a quorum without this one. A single member has no others to ask."""
    others = _others(cluster, node)
    return _quorum(cluster, others, "the other members") if others else None


def removal_check(cluster: Cluster) -> str:
    """Succeeds while the members of this plan are a quorum of themselves: etcd lets nobody go who leaves less behind."""
    return _quorum(cluster, _members(cluster), "the members that stay")


def _quorum(cluster: Cluster, asked: list[str], called: str) -> str:
    """Succeeds while as many of these members are healthy as etcd needs of all."""
    members = len(cluster.control_plane())
    quorum = members // 2 + 1
    return (
        "well=0 ill=\n"
        f"for one in {' '.join(asked)}; do\n"
        f"  if {client('${one#*=}')} --command-timeout 5s endpoint health >/dev/null 2>&1; then well=$((well + 1))\n"
        '  else ill="$ill ${one%%=*}"; fi\n'
        "done\n"
        f'[ "$well" -ge {quorum} ] || '
        f'{{ echo "etcd:$ill of {called} do not answer, and {quorum} of {members} must"; exit 1; }}\n'
    )


def _environment(values: dict[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in values.items())
