"""etcd on the control-plane nodes: one systemd unit per member, TLS for clients and peers, changed one member at a time."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from cluster.config.addresses import url
from cluster.config.model import Cluster, Node
from cluster.node import paths
from cluster.node.binaries import Binaries, binaries
from cluster.node.tls import ETCD_CIPHERS
from cluster.rendering import read_template, render
from cluster.step import CA, After, NodeStateStep, certificate, key_pair, step_name
from nodestate import Action, Directory, File, Hook, NodeState, Reaction, Readiness, Rollout, Unit

COMPONENT = "etcd"
UNIT = "etcd.service"
GROUP = "etcd"
CLIENT_PORT = 2379
PEER_PORT = 2380


def plan(cluster: Cluster, node: Node) -> NodeStateStep:
    """The etcd member of one control-plane node.

    etcd rereads its certificates for each connection, and its CA at its start only. The list of first members is read by a
    member without data only, so a change of it restarts nothing.
    """
    programs = binaries(cluster)
    restarts_on = (programs.etcd, paths.ETCD_SETTINGS, paths.ETCD_UNIT, paths.ETCD_CA_CERTIFICATE)
    artifacts = cluster.kubernetes.artifacts
    return NodeStateStep(
        node=node.name,
        component=COMPONENT,
        state=NodeState(
            files={
                programs.etcd: File(source=artifacts.etcd, mode="0755"),
                programs.etcdctl: File(source=artifacts.etcdctl, mode="0755"),
                programs.path("etcdutl"): File(source=artifacts.etcdutl, mode="0755"),
                paths.ETCD_SETTINGS: File(_environment(settings(cluster, node)), mode="0600"),
                paths.ETCD_INITIAL: File(_environment(initial(cluster)), mode="0600"),
                paths.ETCD_UNIT: File(_unit(programs), mode="0600"),
            },
            directories={
                paths.ETCD_CONFIG: Directory("0700"),
                paths.ETCD_PKI: Directory("0700"),
                paths.ETCD_DATA: Directory("0700"),
            },
            units={UNIT: Unit()},
            reactions=(
                Reaction(UNIT, Action.RESTART, restarts_on),
                Reaction(
                    UNIT,
                    Action.SELF_RELOAD,
                    (paths.ETCD_CERTIFICATE, paths.ETCD_KEY),
                    served_at=f"127.0.0.1:{CLIENT_PORT}",
                    certificate=paths.ETCD_CERTIFICATE,
                ),
            ),
            # Ready: this member is part of a quorum and serves linearizable reads.
            readiness=(Readiness(UNIT, http=f"{paths.ETCD_METRICS}/readyz", timeout=300),),
            rollout=Rollout(
                GROUP,
                health_check=health_check(cluster, node),
                members=tuple(member.name for member in cluster.control_plane_nodes()),
                removal_check=removal_check(cluster),
            ),
            pre_start=(Hook(UNIT, _script(cluster, node, "join.sh")),),
            pre_delete=(Hook(UNIT, _script(cluster, node, "leave.sh")),),
        ),
        issued=(
            certificate(CA.ETCD, paths.ETCD_CA_CERTIFICATE),
            *key_pair(f"{node.name}-etcd-server", paths.ETCD_CERTIFICATE, paths.ETCD_KEY),
            *key_pair(f"{node.name}-etcd-peer", paths.ETCD_PEER_CERTIFICATE, paths.ETCD_PEER_KEY),
            *key_pair(f"{node.name}-etcd-health-client", paths.ETCD_CLIENT_CERTIFICATE, paths.ETCD_CLIENT_KEY),
        ),
        # Members start in parallel: each of them waits for quorum.
        after=(After(step_name(node.name, "first-boot"), "nothing is written before Ignition has finished"),),
    )


def client_url(node: Node) -> str:
    """A member's URL for clients."""
    return url(node.address, CLIENT_PORT)


def peer_url(node: Node) -> str:
    """A member's URL for the other members."""
    return url(node.address, PEER_PORT)


def settings(cluster: Cluster, node: Node) -> dict[str, str]:
    """A member's settings, by etcd's environment variables."""
    client, peer = client_url(node), peer_url(node)
    return {
        "ETCD_NAME": node.name,
        "ETCD_DATA_DIR": paths.ETCD_DATA,
        "ETCD_LISTEN_CLIENT_URLS": f"{client},{url('127.0.0.1', CLIENT_PORT)}",
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
        "ETCD_CIPHER_SUITES": ",".join(ETCD_CIPHERS),
        "ETCD_HEARTBEAT_INTERVAL": str(cluster.etcd.heartbeat_interval),
        "ETCD_ELECTION_TIMEOUT": str(cluster.etcd.election_timeout),
        "ETCD_QUOTA_BACKEND_BYTES": str(cluster.etcd.quota << 20),
        "ETCD_AUTO_COMPACTION_MODE": "periodic",
        "ETCD_AUTO_COMPACTION_RETENTION": "8h",
        "ETCD_STRICT_RECONFIG_CHECK": "true",
        "ETCD_WATCH_PROGRESS_NOTIFY_INTERVAL": "5s",
    }


def initial(cluster: Cluster) -> dict[str, str]:
    """The list of first members, read by a member without data only."""
    members = [f"{node.name}={peer_url(node)}" for node in cluster.control_plane_nodes()]
    return {
        "ETCD_INITIAL_CLUSTER": ",".join(members),
        "ETCD_INITIAL_CLUSTER_STATE": "new",
        "ETCD_INITIAL_CLUSTER_TOKEN": cluster.name,
    }


def endpoints(cluster: Cluster) -> str:
    """All members' client URLs, in the form of etcdctl's --endpoints."""
    return ",".join(client_url(node) for node in cluster.control_plane_nodes())


def etcdctl(programs: Binaries, endpoints: str = "") -> str:
    """The beginning of an etcdctl command line on a control-plane node, with the health client's certificate."""
    option = f" --endpoints {endpoints}" if endpoints else ""
    return (
        f"{programs.etcdctl} --cacert {paths.ETCD_CA_CERTIFICATE} "
        f"--cert {paths.ETCD_CLIENT_CERTIFICATE} --key {paths.ETCD_CLIENT_KEY}{option}"
    )


def health_check(cluster: Cluster, node: Node) -> str | None:
    """A script that succeeds if the other members have quorum without this one. None for a single member."""
    others = _others(cluster, node)
    return _quorum(cluster, others, "the other members") if others else None


def removal_check(cluster: Cluster) -> str:
    """A script that succeeds if the members of this plan have quorum: etcd refuses a removal that would lose it."""
    return _quorum(cluster, _members(cluster), "the remaining members")


def _quorum(cluster: Cluster, members: list[str], called: str) -> str:
    """A script that succeeds if enough of these members are healthy for quorum of all members of the plan."""
    total = len(cluster.control_plane_nodes())
    quorum = total // 2 + 1
    return (
        "healthy=0 silent=\n"
        f"for member in {' '.join(members)}; do\n"
        f"  if {etcdctl(binaries(cluster), '${member#*=}')} --command-timeout 5s endpoint health >/dev/null 2>&1; then healthy=$((healthy + 1))\n"
        '  else silent="$silent ${member%%=*}"; fi\n'
        "done\n"
        f'[ "$healthy" -ge {quorum} ] || '
        f'{{ echo "etcd: no answer from$silent ({called}); {quorum} of {total} members must be healthy"; exit 1; }}\n'
    )


def _members(cluster: Cluster) -> list[str]:
    """The members, each as `<name>=<client URL>`: names, addresses and ports contain only shell-safe characters."""
    return [f"{node.name}={client_url(node)}" for node in cluster.control_plane_nodes()]


def _others(cluster: Cluster, node: Node) -> list[str]:
    return [member for member in _members(cluster) if not member.startswith(f"{node.name}=")]


def _script(cluster: Cluster, node: Node, name: str) -> str:
    values = {
        "etcdctl": etcdctl(binaries(cluster)),
        "others": " ".join(_others(cluster, node)),
        "name": node.name,
        "peer": peer_url(node),
        "data": paths.ETCD_DATA,
        "founded": paths.ETCD_FOUNDED,
    }
    lines = [f"{key}={shlex.quote(value)}\n" for key, value in values.items()]
    return "".join([*lines, *(read_template(f"node/etcd/{file}") for file in ("members.sh", name))])


@dataclass(frozen=True)
class _UnitParameters:
    etcd: str
    settings: str
    initial: str
    data: str
    joined: str
    founded: str


def _unit(programs: Binaries) -> str:
    return render(
        "node/etcd/etcd.service.j2",
        _UnitParameters(
            etcd=programs.etcd,
            settings=paths.ETCD_SETTINGS,
            initial=paths.ETCD_INITIAL,
            data=paths.ETCD_DATA,
            joined=paths.ETCD_JOINED,
            founded=paths.ETCD_FOUNDED,
        ),
    )


def _environment(values: dict[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in values.items())
