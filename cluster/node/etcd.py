"""etcd on the control-plane nodes: one systemd unit per member, TLS for clients and peers, changed one member at a time."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from cluster.config.addresses import url
from cluster.config.flag_values import flag_values
from cluster.config.model import Cluster, Node
from cluster.node import paths, rollouts
from cluster.node.binaries import Binaries, binaries
from cluster.node.tls import ETCD_CIPHERS
from cluster.rendering import read_template, render
from cluster.step import CA, After, NodeStateStep, certificate, key_pair, step_name
from nodestate import (
    Action,
    Directory,
    File,
    Foreign,
    Hook,
    NodeState,
    Probe,
    Reaction,
    Readiness,
    Rollout,
    Unit,
    Verification,
)

COMPONENT = "etcd"
UNIT = "etcd.service"
USER = "etcd"
"""User and group. By name: one that the system or a package brings has a number that is not ours to choose."""

GROUP = rollouts.CONTROL_PLANE
CLIENT_PORT = 2379
PEER_PORT = 2380
LOCAL = url("127.0.0.1", CLIENT_PORT)
_CLIENT = {
    "ca": paths.ETCD_CA_CERTIFICATE,
    "certificate": paths.ETCD_CLIENT_CERTIFICATE,
    "key": paths.ETCD_CLIENT_KEY,
}


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
                paths.ETCD_USERS: File(f'u {USER} - "etcd key-value store" {paths.ETCD_DATA}\n'),
            },
            directories={
                # It reads its certificates there, and may not replace them.
                paths.ETCD_CONFIG: Directory("0750", group=USER),
                paths.ETCD_PKI: Directory("0750", group=USER),
                # The data below it changes its owner while etcd is stopped: the unit does that.
                paths.ETCD_DATA: Directory("0700", USER, USER),
            },
            units={UNIT: Unit(foreign_drop_ins=Foreign.REMOVED)},
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
            verifications=(_verification(programs),) if cluster.etcd.extra_args else (),
            # Restarted if the others know it by another peer URL: its pre-start hook changes the list.
            probes={"member": Probe(_probe(node), f"{node.name} {peer_url(node)}", UNIT, seconds=10)},
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
            *key_pair(f"{node.name}-etcd-server", paths.ETCD_CERTIFICATE, paths.ETCD_KEY, USER),
            *key_pair(f"{node.name}-etcd-peer", paths.ETCD_PEER_CERTIFICATE, paths.ETCD_PEER_KEY, USER),
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
        "ETCD_LISTEN_CLIENT_URLS": f"{client},{LOCAL}",
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
        **_extra(cluster),
    }


def _extra(cluster: Cluster) -> dict[str, str]:
    values = flag_values(cluster.etcd.extra_args)
    return {f"ETCD_{name.upper().replace('-', '_')}": str(value) for name, value in values.items()}


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
    """A script that succeeds if the other members have quorum without this one, under the peer URLs of the plan.

    A member whose certificates have expired counts as running: the check is told that by the TLS handshake, so it does not
    need what the change renews. None for a single member.
    """
    others = _others(cluster, node)
    return _quorum(cluster, others, "the other members") if others else None


def removal_check(cluster: Cluster) -> str:
    """A script that succeeds if the members of this plan have quorum: etcd refuses a removal that would lose it."""
    return _quorum(cluster, list(cluster.control_plane_nodes()), "the remaining members")


def membership(cluster: Cluster, node: Node) -> str:
    """A script for another control-plane node: takes this member out of the list of those that stay."""
    return _script(cluster, node, "membership.sh")


def _quorum(cluster: Cluster, members: list[Node], called: str) -> str:
    """A script that succeeds if enough of these members are healthy for quorum of all members of the plan."""
    total = len(cluster.control_plane_nodes())
    values = {
        **_CLIENT,
        "members": " ".join(f"{_member(node)}={peer_url(node)}" for node in members),
        "total": str(total),
        "quorum": str(total // 2 + 1),
        "called": called,
    }
    return _composed(values, "client.sh", "health.sh")


def _probe(node: Node) -> str:
    values = {**_CLIENT, "name": node.name, "planned": peer_url(node), "local": LOCAL}
    return _composed(values, "client.sh", "member.sh")


def _member(node: Node) -> str:
    """`<name>=<client URL>`: names, addresses and ports contain only shell-safe characters."""
    return f"{node.name}={client_url(node)}"


def _others(cluster: Cluster, node: Node) -> list[Node]:
    return [other for other in cluster.control_plane_nodes() if other.name != node.name]


def _script(cluster: Cluster, node: Node, name: str) -> str:
    values = {
        "etcdctl": etcdctl(binaries(cluster)),
        "others": " ".join(_member(other) for other in _others(cluster, node)),
        "name": node.name,
        "peer": peer_url(node),
        "local": LOCAL,
        "data": paths.ETCD_DATA,
        "founded": paths.ETCD_FOUNDED,
    }
    return _composed(values, "members.sh", name)


def _composed(values: Mapping[str, str], *files: str) -> str:
    """Scripts of templates/node/etcd in one, after their variables."""
    lines = [f"{key}={shlex.quote(value)}\n" for key, value in values.items()]
    return "".join([*lines, *(read_template(f"node/etcd/{file}") for file in files)])


@dataclass(frozen=True)
class _UnitParameters:
    etcd: str
    user: str
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
            user=USER,
            settings=paths.ETCD_SETTINGS,
            initial=paths.ETCD_INITIAL,
            data=paths.ETCD_DATA,
            joined=paths.ETCD_JOINED,
            founded=paths.ETCD_FOUNDED,
        ),
    )


@dataclass(frozen=True)
class _VerifyParameters:
    etcd: str
    settings: str
    certificate: str
    key: str
    ca: str
    peer_certificate: str
    peer_key: str


def _verification(programs: Binaries) -> Verification:
    """etcd itself judges its settings before they replace the former ones. Only flags of the stack are checked."""
    parameters = _VerifyParameters(
        etcd=programs.etcd,
        settings=paths.ETCD_SETTINGS,
        certificate=paths.ETCD_CERTIFICATE,
        key=paths.ETCD_KEY,
        ca=paths.ETCD_CA_CERTIFICATE,
        peer_certificate=paths.ETCD_PEER_CERTIFICATE,
        peer_key=paths.ETCD_PEER_KEY,
    )
    return Verification((programs.etcd, paths.ETCD_SETTINGS), render("node/etcd/verify.sh.j2", parameters))


def _environment(values: dict[str, str]) -> str:
    return "".join(f"{key}={_environment_value(value)}\n" for key, value in values.items())


def _environment_value(value: str) -> str:
    """A value as systemd reads it from an EnvironmentFile: quoted if it has characters that mean something there."""
    if re.fullmatch(r"[A-Za-z0-9_.,:/=@%+*-]*", value):
        return value
    return '"' + re.sub(r'(["\\`$])', r"\\\1", value) + '"'
