"""What holds for etcd on a running cluster's control-plane nodes."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence

from cluster.node import etcd
from cluster.node.binaries import Binaries
from lab import parts
from tests.e2e.harness import Project, wait_for
from tests.e2e.scenarios import a_second_up_writes_nothing

WRITER = """
cat >/run/writer.sh <<'END'
n=0 failed=0
while [ ! -e /run/writer.stop ]; do
  n=$((n + 1)) tries=0
  until {client} --command-timeout 4s put /writer $n >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 4 ] || {{ failed=$((failed + 1)); break; }}
    sleep 0.5
  done
  echo "$n $failed" >/run/writer.count
  sleep 0.2
done
END
rm -f /run/writer.stop /run/writer.count
systemd-run --quiet --unit=writer sh /run/writer.sh
"""
"""Writes again and again to whichever member answers; a write that fails is tried three times more."""


def members_serve(project: Project, masters: Sequence[str]) -> None:
    """Each control-plane node is a member, they agree on one leader, and what one takes another gives."""
    rows = project.output("etcd")
    assert [row["name"] for row in rows] == list(masters)
    # As it was before members that the same run removed were gone: none of these may have led then.
    assert sum(row["leader"] for row in rows) <= 1
    addresses = _addresses(project, masters)
    endpoints = ",".join(f"https://{address}:{etcd.CLIENT_PORT}" for address in addresses.values())
    client = etcd.etcdctl(Binaries(), endpoints)
    found = json.loads(project.ssh(masters[0], f"{client} endpoint status --write-out json"))
    assert len(found) == len(masters)
    assert len({one["Status"]["leader"] for one in found}) == 1
    assert {one["Status"]["version"] for one in found} == {parts.ETCD}
    first, last = (
        etcd.etcdctl(Binaries(), f"https://{addresses[name]}:{etcd.CLIENT_PORT}") for name in (masters[0], masters[-1])
    )
    project.ssh(masters[0], f"{first} put /proof/{masters[0]} held")
    assert "held" in project.ssh(masters[-1], f"{last} get /proof/{masters[0]}")


def nobody_without_a_certificate_is_let_in(project: Project, master: str) -> None:
    """A client without a certificate of etcd's authority reads nothing; neither does a kubelet's."""
    ask = f"curl --silent --show-error --cacert /etc/etcd/pki/ca.crt https://127.0.0.1:{etcd.CLIENT_PORT}/version"
    kubelet = "--cert /etc/kubernetes/pki/kubelet-client.crt --key /etc/kubernetes/pki/kubelet-client.key"
    for certificate in ("", kubelet):
        assert "etcdserver" not in project.ssh(master, f"{ask} {certificate} 2>&1 || true")
    own = "--cert /etc/etcd/pki/health-client.crt --key /etc/etcd/pki/health-client.key"
    assert "etcdserver" in project.ssh(master, f"{ask} {own}"), "the check above can fail"
    assert project.ssh(master, "stat -c '%a %U' /var/lib/etcd /etc/etcd/pki/server.key").split() == [
        *("700", "root"),
        *("600", "root"),
    ]


def one_setting_restarts_the_members_in_turn(project: Project, masters: Sequence[str]) -> None:
    """The preview names three restarts and their turns; `up` does them one after another; no write is lost meanwhile."""
    kubelets = {name: project.started(name) for name in masters}
    before = {name: project.started(name, etcd.UNIT) for name in masters}
    addresses = _addresses(project, masters).values()
    client = etcd.etcdctl(Binaries(), ",".join(f"https://{address}:{etcd.CLIENT_PORT}" for address in addresses))
    project.ssh(masters[0], WRITER.format(client=client))
    project.set("etcd.heartbeatInterval", "120")
    try:
        preview = project.pulumi("preview", "--diff")
        for name in masters:
            assert f"{name}: etcd.service will restart because /etc/etcd/etcd.env changes" in preview
            assert f"{name}: waits for a slot in rollout group etcd: one at a time" in preview
        assert len(re.findall(r"will restart because", preview)) == len(masters)
        project.operations()
        project.pulumi("up", "--yes")
        operations = [one for one in project.operations() if one["op"] in ("health-check", "restart", "ready")]
        turns = [name for name, _ in itertools.groupby(one["node"] for one in operations)]
        assert sorted(turns) == sorted(masters), f"no turn is broken by another: {turns}"
        for _, turn in itertools.groupby(operations, lambda one: one["node"]):
            assert [one["op"] for one in turn] == ["health-check", "restart", "ready", "health-check"]
    finally:
        project.unset("etcd.heartbeatInterval")
        written = project.ssh(
            masters[0],
            "touch /run/writer.stop; for _ in $(seq 30); do systemctl is-active -q writer || break; sleep 1; done\n"
            "cat /run/writer.count\n",
        )
    count, failed = (int(word) for word in written.split())
    assert count > 10
    assert failed == 0, f"{failed} of {count} writes failed for good"
    assert all(before[name] != project.started(name, etcd.UNIT) for name in masters)
    assert kubelets == {name: project.started(name) for name in masters}
    project.pulumi("up", "--yes")
    a_second_up_writes_nothing(project)


def a_rollout_stops_where_a_member_is_lost(project: Project, masters: Sequence[str]) -> None:
    """With one member down the others are not restarted: that would be the end of the quorum."""
    first, *others = masters
    before = {name: project.started(name, etcd.UNIT) for name in others}
    # What no restart mends, and no joining anew: it has data, and cannot read it.
    data = "/var/lib/etcd/member"
    project.ssh(
        first,
        f"systemctl stop etcd.service; mv {data} {data}.away; mkdir -p {data}/wal\n"
        f"echo broken >{data}/wal/0000000000000000-0000000000000000.wal\n"
        "systemctl --no-block start etcd.service\n",
    )
    project.set("etcd.heartbeatInterval", "130")
    try:
        # The member that is down has no say in this: what is known of it is its state at the last run.
        previewed = project.pulumi("preview", "--refresh=false", check=False)
        for name in others:
            assert (
                f"{name}: rollout group etcd is unhealthy ahead of the change; the update would be refused" in previewed
            )
        said = project.pulumi("up", "--yes", "--refresh=false", "--skip-preview", check=False, timeout=600)
        for name in others:
            assert (
                f"{name}: rollout group etcd is unhealthy before the change" in said or f"{name}: not touched: " in said
            ), said
        assert f"{first}: etcd.service is not ready" in said or f"etcd: {first} of the other members" in said
        assert before == {name: project.started(name, etcd.UNIT) for name in others}
    finally:
        project.unset("etcd.heartbeatInterval")
        project.ssh(first, f"systemctl stop etcd.service; rm -rf {data}; mv {data}.away {data}")
    project.pulumi("up", "--yes")
    members_serve(project, masters)
    a_second_up_writes_nothing(project)


def a_lost_member_is_replaced(project: Project, masters: Sequence[str]) -> None:
    """A member whose data is gone shows in the plan, and comes back with what the others hold; they are not touched."""
    lost, *others = masters[1], masters[0], *masters[2:]
    before = {name: project.started(name, etcd.UNIT) for name in others}
    address = _addresses(project, masters)[lost]
    client = etcd.etcdctl(Binaries(), f"https://{address}:{etcd.CLIENT_PORT}")
    project.ssh(lost, f"{client} put /proof/lost held")
    project.ssh(
        lost, "systemctl stop etcd.service; rm -rf /var/lib/etcd/member; systemctl --no-block start etcd.service"
    )
    wait_for(
        "a member without its data to give up",
        lambda: "auto-restart" in project.ssh(lost, "systemctl show -p SubState --value etcd.service"),
    )
    preview = project.pulumi("preview", "--refresh", "--diff")
    assert f"{lost}: etcd.service will start because it was found stopped" in preview
    for name in others:
        assert f"{name}: etcd.service" not in preview
    project.pulumi("up", "--yes", "--refresh")
    assert before == {name: project.started(name, etcd.UNIT) for name in others}
    assert "held" in project.ssh(lost, f"{client} get /proof/lost --consistency=s"), "read from its own data"
    members_serve(project, masters)
    a_second_up_writes_nothing(project)


def an_only_member_begins_nothing_anew(project: Project, members: Sequence[str]) -> None:
    """Members that all lost their data stay down, and say what to do: an empty store would be a cluster's end."""
    for name in members:
        project.ssh(name, "systemctl stop etcd.service; mv /var/lib/etcd/member /var/lib/etcd/away")
    try:
        said = project.pulumi("up", "--yes", check=False)
        for name in members:
            assert f"{name}: etcd.service is not started, since it cannot be prepared" in said, said
            assert f"the data of {name} is gone, and no other member serves" in said
            assert project.ssh(name, "ls /var/lib/etcd").split() == ["away"]
    finally:
        for name in members:
            project.ssh(name, "mv /var/lib/etcd/away /var/lib/etcd/member")
    project.pulumi("up", "--yes")
    members_serve(project, members)


def members_leave_and_join(
    project: Project, stays: str, others: Sequence[str], records: dict[str, dict[str, str]]
) -> None:
    """Three members become one and three again: who leaves is no member any more, who joins takes the data over.

    While the one that is to stay is down, the preview refuses that the others leave.
    """
    project.ssh(stays, f"{etcd.etcdctl(Binaries(), f'https://127.0.0.1:{etcd.CLIENT_PORT}')} put /proof/kept held")
    for name in others:
        project.unset(f"nodes.{name}")
    project.ssh(stays, "systemctl stop etcd.service")
    refused = project.pulumi("preview", "--refresh=false", check=False)
    leaving = ", ".join(others)
    assert f"{stays}: rollout group etcd is unhealthy without {leaving}; the removal would be refused." in refused, (
        refused
    )
    assert f"etcd: {stays} of the members that stay do not answer, and 1 of 1 must" in refused
    project.ssh(stays, "systemctl start etcd.service")
    before = project.started(stays, etcd.UNIT)
    project.pulumi("up", "--yes")
    members_serve(project, [stays])
    for name in others:
        for key, value in records[name].items():
            project.set(f"nodes.{name}.{key}", value)
    project.pulumi("up", "--yes")
    members = sorted([stays, *others])
    members_serve(project, members)
    for name in others:
        client = etcd.etcdctl(Binaries(), f"https://127.0.0.1:{etcd.CLIENT_PORT}")
        assert "held" in project.ssh(name, f"{client} get /proof/kept --consistency=s")
        assert project.ssh(name, "ls /var/lib/etcd/join.env 2>&1 || true").count("No such file") == 1
    assert before == project.started(stays, etcd.UNIT), "who stays is not restarted"
    a_second_up_writes_nothing(project)


def _addresses(project: Project, names: Sequence[str]) -> dict[str, str]:
    rows = {row["name"]: row["address"] for row in project.output("nodes")}
    return {name: rows[name] for name in names}
