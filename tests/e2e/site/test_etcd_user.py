"""etcd as user etcd: a cluster on which it runs as root is changed, one member at a time; and back, if that fails."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.node import etcd, paths
from cluster.node.binaries import Binaries
from tests.e2e import benchmark
from tests.e2e.etcd import WRITER, members_serve
from tests.e2e.harness import ROOT, Project, running_project
from tests.e2e.scenarios import second_up_writes_nothing

pytestmark = [pytest.mark.e2e, pytest.mark.site, pytest.mark.timeout(1800)]
MEMBERS = ["m1", "m2", "m3"]
CODE, TEMPLATE = "cluster/node/etcd.py", "templates/node/etcd/etcd.service.j2"
CLIENT = etcd.etcdctl(Binaries(), f"https://127.0.0.1:{etcd.CLIENT_PORT}")
FOUND = f"""
stat -c '%U %G %a %n' {paths.ETCD_DATA} {paths.ETCD_KEY} {paths.ETCD_PEER_KEY}
stat -c '%U' /proc/$(systemctl show -p MainPID --value {etcd.UNIT})
find {paths.ETCD_DATA} ! -user etcd | wc -l
"""
"""Prints owner and mode of data and keys, the user of the process, and how much in the data belongs to others."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A cluster of the earlier version, on which etcd runs as root."""
    copy = Project.copy

    def earlier(path: Path, stack: str) -> Project:
        made = copy(path, stack)
        as_earlier(made)
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Project, "copy", earlier)
        with running_project(tmp_path_factory.mktemp("etcd-user"), "hosts") as project:
            yield project


def as_earlier(project: Project) -> None:
    """Change the copy so that it renders the unit, owners and modes of the earlier version."""
    code = (ROOT / CODE).read_text()
    code = re.sub(r"\n *paths\.ETCD_USERS: File\(.*\),", "", code)
    code = code.replace('USER = "etcd"', 'USER = "root"').replace('Directory("0750", group=USER)', 'Directory("0700")')
    unit = (ROOT / TEMPLATE).read_text().replace("=+/bin/sh", "=/bin/sh")
    unit = re.sub(r"^(User|Group)=.*\n|^# Data that .*\n.*chown.*\n", "", unit, flags=re.MULTILINE)
    assert "ETCD_USERS" not in code and "chown" not in unit and "{{ user }}" not in unit
    (project.path / CODE).write_text(code)
    (project.path / TEMPLATE).write_text(unit)


def as_now(project: Project, unit: str = "") -> None:
    """Put this version back into the copy, or another text of the unit."""
    (project.path / CODE).write_text((ROOT / CODE).read_text())
    (project.path / TEMPLATE).write_text(unit or (ROOT / TEMPLATE).read_text())


def started(project: Project) -> dict[str, str]:
    return {name: project.started(name, etcd.UNIT) for name in MEMBERS}


def test_earlier_cluster_runs_etcd_as_root(project: Project) -> None:
    for name in MEMBERS:
        found = project.ssh(name, FOUND).splitlines()
        assert [line.split()[0] for line in found[:4]] == ["root"] * 4, found
    project.ssh("m1", f"{CLIENT} put /proof/earlier stored")


def test_member_that_does_not_start_gets_its_former_unit_and_reads_its_data(project: Project) -> None:
    """The data belongs to etcd by then; the former unit runs as root."""
    broken = (ROOT / TEMPLATE).read_text().replace("ExecStart={{", "ExecStartPre=/bin/false\nExecStart={{")
    as_now(project, broken)
    before = started(project)
    printed = project.pulumi("up", "--yes", check=False)
    assert "m1: etcd.service is not ready" in printed, printed[-4000:]
    assert "m1: the previous files were put back and etcd.service restarted" in printed
    now = started(project)
    assert [name for name in MEMBERS if before[name] != now[name]] == ["m1"]
    found = project.ssh("m1", FOUND).splitlines()
    assert found[:4] == [
        *("root root 700 /var/lib/etcd", f"root root 600 {paths.ETCD_KEY}", f"root root 600 {paths.ETCD_PEER_KEY}"),
        "root",
    ]
    assert project.ssh("m1", f"stat -c %U {paths.ETCD_DATA}/member/wal") == "etcd\n", "it had been changed"
    assert "stored" in project.ssh("m1", f"{CLIENT} get /proof/earlier --consistency=s")
    members_serve(project, MEMBERS)


def test_members_change_one_at_a_time_and_keep_their_data(project: Project) -> None:
    as_now(project)
    preview = project.pulumi("preview", "--diff")
    for name in MEMBERS:
        assert f"{name}: etcd.service will restart because /etc/systemd/system/etcd.service changes" in preview
        assert f"{name}: waits for a slot in rollout group control-plane: one at a time" in preview
    assert preview.count("+ User=etcd") == preview.count("+ ExecStartPre=+/bin/chown -Rh etcd:etcd /var/lib/etcd/") == 3
    assert preview.count("/etc/sysusers.d/plumbline-etcd.conf") >= 3
    before = started(project)
    project.ssh("m1", WRITER.format(client=CLIENT.replace(etcd.LOCAL, endpoints(project))))
    try:
        project.operations()
        project.pulumi("up", "--yes")
        done = [one for one in project.operations() if one["op"] in ("health-check", "restart", "ready")]
    finally:
        written = project.ssh(
            "m1",
            "touch /run/writer.stop; for _ in $(seq 30); do systemctl is-active -q writer || break; sleep 1; done\n"
            "cat /run/writer.count\n",
        )
    slots = [name for name, _ in itertools.groupby(one["node"] for one in done)]
    assert slots == MEMBERS, f"slots must not overlap: {slots}"
    count, failed = (int(word) for word in written.split())
    print(f"{count} writes during the change, {failed} failed")
    assert count > 5 and failed == 0
    assert all(before[name] != one for name, one in started(project).items())
    for name in MEMBERS:
        assert project.ssh(name, FOUND).splitlines() == [
            "etcd etcd 700 /var/lib/etcd",
            f"etcd etcd 600 {paths.ETCD_KEY}",
            f"etcd etcd 600 {paths.ETCD_PEER_KEY}",
            "etcd",
            "0",
        ]
        assert "stored" in project.ssh(name, f"{CLIENT} get /proof/earlier --consistency=s")
    members_serve(project, MEMBERS)
    second_up_writes_nothing(project)


def endpoints(project: Project) -> str:
    rows = {row["name"]: row["address"] for row in project.output("nodes")}
    return ",".join(f"https://{rows[name]}:{etcd.CLIENT_PORT}" for name in MEMBERS)


def test_data_of_root_becomes_etcds_at_the_start_and_links_are_not_followed(project: Project) -> None:
    project.ssh(
        "m2",
        f"touch /srv/proof {paths.ETCD_DATA}/restored; ln -s /srv/proof {paths.ETCD_DATA}/link\n"
        f"systemctl restart {etcd.UNIT}\n",
    )
    found = project.ssh("m2", f"stat -c %U /srv/proof {paths.ETCD_DATA}/restored {paths.ETCD_DATA}/link").split()
    project.ssh("m2", f"rm /srv/proof {paths.ETCD_DATA}/restored {paths.ETCD_DATA}/link")
    assert found == ["root", "etcd", "etcd"]


def test_etcd_writes_neither_its_keys_nor_its_settings(project: Project) -> None:
    script = "for one in {}; do test -w $one && echo writable $one; done; test -r {} || echo unreadable"
    words = (paths.ETCD_CONFIG, paths.ETCD_PKI, paths.ETCD_SETTINGS, paths.ETCD_CA_CERTIFICATE, paths.ETCD_UNIT)
    check = script.format(" ".join(words), paths.ETCD_CLIENT_KEY)
    assert (
        project.ssh("m1", f"setpriv --reuid etcd --regid etcd --clear-groups sh -c '{check}' || true") == "unreadable\n"
    )


def test_former_owner_is_drift_that_restarts_nothing(project: Project) -> None:
    """Of the data only the group: a running etcd whose data belongs to root ends soon, and is restarted for that."""
    before = started(project)
    project.ssh("m3", f"chown root:root {paths.ETCD_KEY}; chgrp root {paths.ETCD_DATA}")
    preview = project.pulumi("preview", "--diff", "--refresh")
    assert "will restart" not in preview
    shown = re.findall(r'~ (owner|group) *: "root" => "etcd"', preview)
    assert sorted(shown) == ["group", "group", "owner"], preview
    printed = project.pulumi("up", "--yes", "--refresh")
    assert "restarting" not in printed, printed
    assert project.ssh("m3", FOUND).splitlines()[:2] == [
        "etcd etcd 700 /var/lib/etcd",
        f"etcd etcd 600 {paths.ETCD_KEY}",
    ]
    assert before == started(project)


def test_cis_item_passes_and_looks_at_the_owner(project: Project) -> None:
    assert benchmark.ETCD_OWNER in benchmark.run(project, "m1", "control-plane").of("PASS")
    project.ssh("m1", f"chown root:root {paths.ETCD_DATA}")
    try:
        assert benchmark.ETCD_OWNER in benchmark.run(project, "m1", "control-plane").of("FAIL")
    finally:
        project.ssh("m1", f"chown etcd:etcd {paths.ETCD_DATA}")
