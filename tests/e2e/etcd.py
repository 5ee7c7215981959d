"""Scenarios with etcd on a running cluster's control-plane nodes."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence

from cluster import versions
from cluster.node import etcd
from cluster.node.binaries import Binaries
from tests.e2e.harness import Project, wait_for
from tests.e2e.scenarios import second_up_writes_nothing

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
"""Writes continuously to any member that answers. A failed write is retried three times."""


def members_serve(project: Project, members: Sequence[str]) -> None:
    """Each control-plane node is a member, all agree on one leader, and a write to one member is read from another."""
    rows = project.output("etcd")
    assert [row["name"] for row in rows] == list(members)
    # The output may date from before a removal in the same run: the leader may have been a removed member.
    assert sum(row["leader"] for row in rows) <= 1
    addresses = _addresses(project, members)
    endpoints = ",".join(f"https://{address}:{etcd.CLIENT_PORT}" for address in addresses.values())
    client = etcd.etcdctl(Binaries(), endpoints)
    found = json.loads(project.ssh(members[0], f"{client} endpoint status --write-out json"))
    assert len(found) == len(members)
    assert len({member["Status"]["leader"] for member in found}) == 1
    assert {member["Status"]["version"] for member in found} == {versions.ETCD.removeprefix("v")}
    first, last = (
        etcd.etcdctl(Binaries(), f"https://{addresses[name]}:{etcd.CLIENT_PORT}") for name in (members[0], members[-1])
    )
    project.ssh(members[0], f"{first} put /proof/{members[0]} stored")
    assert "stored" in project.ssh(members[-1], f"{last} get /proof/{members[0]}")


def client_certificate_is_required(project: Project, member: str) -> None:
    """etcd refuses a client without a certificate, and one with a certificate of the Kubernetes CA."""
    ask = f"curl --silent --show-error --cacert /etc/etcd/pki/ca.crt https://127.0.0.1:{etcd.CLIENT_PORT}/version"
    kubelet = "--cert /etc/kubernetes/pki/kubelet-client.crt --key /etc/kubernetes/pki/kubelet-client.key"
    for certificate in ("", kubelet):
        assert "etcdserver" not in project.ssh(member, f"{ask} {certificate} 2>&1 || true")
    own = "--cert /etc/etcd/pki/health-client.crt --key /etc/etcd/pki/health-client.key"
    assert "etcdserver" in project.ssh(member, f"{ask} {own}"), "positive control: the health client is accepted"
    assert project.ssh(member, "stat -c '%a %U' /var/lib/etcd /etc/etcd/pki/server.key").split() == [
        *("700", "etcd"),
        *("600", "etcd"),
    ]


def setting_restarts_one_member_at_a_time(project: Project, members: Sequence[str]) -> None:
    """The preview shows a restart and a slot per member; `up` restarts one member at a time, and no write is lost."""
    kubelets = {name: project.started(name) for name in members}
    before = {name: project.started(name, etcd.UNIT) for name in members}
    addresses = _addresses(project, members).values()
    client = etcd.etcdctl(Binaries(), ",".join(f"https://{address}:{etcd.CLIENT_PORT}" for address in addresses))
    project.ssh(members[0], WRITER.format(client=client))
    project.set("etcd.heartbeatInterval", "120")
    try:
        preview = project.pulumi("preview", "--diff")
        for name in members:
            assert f"{name}: etcd.service will restart because /etc/etcd/etcd.env changes" in preview
            assert f"{name}: waits for a slot in rollout group control-plane: one at a time" in preview
        assert len(re.findall(r"will restart because", preview)) == len(members)
        project.operations()
        project.pulumi("up", "--yes")
        operations = [done for done in project.operations() if done["op"] in ("health-check", "restart", "ready")]
        slots = [name for name, _ in itertools.groupby(done["node"] for done in operations)]
        assert sorted(slots) == sorted(members), f"slots must not overlap: {slots}"
        for _, slot in itertools.groupby(operations, lambda done: done["node"]):
            assert [done["op"] for done in slot] == ["health-check", "restart", "ready", "health-check"]
    finally:
        project.unset("etcd.heartbeatInterval")
        written = project.ssh(
            members[0],
            "touch /run/writer.stop; for _ in $(seq 30); do systemctl is-active -q writer || break; sleep 1; done\n"
            "cat /run/writer.count\n",
        )
    count, failed = (int(word) for word in written.split())
    assert count > 10
    assert failed == 0, f"{failed} of {count} writes failed after all retries"
    assert all(before[name] != project.started(name, etcd.UNIT) for name in members)
    assert kubelets == {name: project.started(name) for name in members}
    project.pulumi("up", "--yes")
    second_up_writes_nothing(project)


def rollout_stops_if_member_is_down(project: Project, members: Sequence[str]) -> None:
    """With one member down, preview and `up` refuse to restart the others: etcd would lose quorum."""
    first, *others = members
    before = {name: project.started(name, etcd.UNIT) for name in others}
    # A corrupt WAL: the member has data, so it does not rejoin, and cannot read it, so a restart does not help.
    data = "/var/lib/etcd/member"
    project.ssh(
        first,
        f"systemctl stop etcd.service; mv {data} {data}.away; mkdir -p {data}/wal\n"
        f"echo broken >{data}/wal/0000000000000000-0000000000000000.wal\n"
        "systemctl --no-block start etcd.service\n",
    )
    project.set("etcd.heartbeatInterval", "130")
    try:
        # Without a refresh the member that is down keeps its last known state.
        previewed = project.pulumi("preview", "--refresh=false", check=False)
        for name in others:
            assert (
                f"{name}: rollout group control-plane is unhealthy ahead of the change; the update would be refused"
                in previewed
            )
        # As `make up` does: after the first error the engine would ask for no further member.
        up = ("up", "--yes", "--refresh=false", "--skip-preview", "--continue-on-error")
        printed = project.pulumi(*up, check=False, timeout=600)
        for name in others:
            assert (
                f"{name}: rollout group control-plane is unhealthy before the change" in printed
                or f"{name}: not touched: " in printed
            ), printed
        assert (
            f"{first}: etcd.service is not ready" in printed
            or f"etcd: no answer from {first} (the other members)" in printed
        )
        assert before == {name: project.started(name, etcd.UNIT) for name in others}
    finally:
        project.unset("etcd.heartbeatInterval")
        project.ssh(first, f"systemctl stop etcd.service; rm -rf {data}; mv {data}.away {data}")
    project.pulumi("up", "--yes")
    members_serve(project, members)
    second_up_writes_nothing(project)


def lost_member_rejoins(project: Project, members: Sequence[str]) -> None:
    """The plan shows a member whose data is gone; `up` lets it rejoin and copy the data, without restarting the others."""
    lost, *others = members[1], members[0], *members[2:]
    before = {name: project.started(name, etcd.UNIT) for name in others}
    address = _addresses(project, members)[lost]
    client = etcd.etcdctl(Binaries(), f"https://{address}:{etcd.CLIENT_PORT}")
    project.ssh(lost, f"{client} put /proof/lost stored")
    project.ssh(
        lost, "systemctl stop etcd.service; rm -rf /var/lib/etcd/member; systemctl --no-block start etcd.service"
    )
    wait_for(
        "etcd fails to start without its data",
        lambda: "auto-restart" in project.ssh(lost, "systemctl show -p SubState --value etcd.service"),
    )
    preview = project.pulumi("preview", "--refresh", "--diff")
    assert f"{lost}: etcd.service will start because it was found stopped" in preview
    for name in others:
        assert f"{name}: etcd.service" not in preview
    project.pulumi("up", "--yes", "--refresh")
    assert before == {name: project.started(name, etcd.UNIT) for name in others}
    assert "stored" in project.ssh(lost, f"{client} get /proof/lost --consistency=s"), (
        "read from this member's own data"
    )
    members_serve(project, members)
    second_up_writes_nothing(project)


def members_without_data_do_not_bootstrap(project: Project, members: Sequence[str]) -> None:
    """If all members lost their data, they stay down and say what to do: an empty etcd would be an empty cluster."""
    for name in members:
        project.ssh(name, "systemctl stop etcd.service; mv /var/lib/etcd/member /var/lib/etcd/away")
    try:
        printed = project.pulumi("up", "--yes", check=False)
        for name in members:
            assert f"{name}: etcd.service is not started: its pre-start hook failed" in printed, printed
            assert f"the data of {name} is gone, and no other member serves" in printed
            assert project.ssh(name, "ls /var/lib/etcd").split() == ["away"]
    finally:
        for name in members:
            project.ssh(name, "mv /var/lib/etcd/away /var/lib/etcd/member")
    project.pulumi("up", "--yes")
    members_serve(project, members)


def members_leave_and_join(
    project: Project, stays: str, others: Sequence[str], records: dict[str, dict[str, str]]
) -> None:
    """Three members become one and three again: removed members leave the member list, added members copy the data.

    While the remaining member is down, the preview refuses the removal of the others.
    """
    project.ssh(stays, f"{etcd.etcdctl(Binaries(), f'https://127.0.0.1:{etcd.CLIENT_PORT}')} put /proof/kept stored")
    for name in others:
        project.unset(f"nodes.{name}")
    project.ssh(stays, "systemctl stop etcd.service")
    refused = project.pulumi("preview", "--refresh=false", check=False)
    leaving = ", ".join(others)
    assert (
        f"{stays}: rollout group control-plane is unhealthy without {leaving}; the removal would be refused." in refused
    ), refused
    assert f"etcd: no answer from {stays} (the remaining members); 1 of 1 members must be healthy" in refused
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
        assert "stored" in project.ssh(name, f"{client} get /proof/kept --consistency=s")
        assert project.ssh(name, "ls /var/lib/etcd/join.env 2>&1 || true").count("No such file") == 1
    assert before == project.started(stays, etcd.UNIT), "the remaining member must not be restarted"
    second_up_writes_nothing(project)


def _addresses(project: Project, names: Sequence[str]) -> dict[str, str]:
    rows = {row["name"]: row["address"] for row in project.output("nodes")}
    return {name: rows[name] for name in names}
