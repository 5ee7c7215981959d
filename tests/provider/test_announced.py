"""An update does what was announced, or nothing; a creation that broke off is kept in the state."""

from __future__ import annotations

import json
import os

from tests.provider import sshd as server
from tests.provider.conftest import Bench
from tests.provider.container import Container
from tests.provider.service import UNIT, said, serve
from tests.provider.test_rollout_group import HOLD, Members, begun, members

__all__ = ["members"]


def test_node_that_changes_while_it_waits_for_its_slot_is_not_touched(members: Members, systemd: Container) -> None:
    members.words = dict.fromkeys(members.words, "two")
    hand = "echo '# by hand' >>/etc/systemd/system/proof-n1.service; systemctl daemon-reload"
    members.hooks = {"n2": [{"unit": members.unit("n2"), "script": f"{HOLD}{hand}\n"}]}
    before = systemd.started(members.unit("n1"))
    failure = members.fails(begun({"n1", "n3"}, lambda: systemd.run("touch /run/proof-go")))
    systemd.run("rm /run/proof-held /run/proof-go")
    assert "n1: the node changed since the plan was made: /etc/systemd/system/proof-n1.service: content" in failure
    assert "run pulumi again" in failure
    assert systemd.started(members.unit("n1")) == before
    assert systemd.run("cat /etc/proof/n1/conf") == "WORD=one\n"
    members.hooks = {}
    preview = members.preview()
    assert "n1: proof-n1.service will restart because" in preview
    members.up(refresh=True)
    assert systemd.run("cat /etc/proof/n1/conf") == "WORD=two\n"


def test_process_with_older_files_is_announced_and_restarted(remote: Bench, systemd: Container) -> None:
    serve(remote)
    systemd.run("echo WORD=two >/etc/proof/server.conf")
    remote.text("server.conf", "WORD=two\n")
    before = systemd.started(UNIT)
    announced = "proof.service will restart" in remote.preview()
    remote.up(refresh=True)
    assert announced
    assert systemd.started(UNIT) != before
    assert said(systemd) == "two"


def test_creation_that_broke_off_is_kept_and_destroyed(bench: Bench, sshd: server.Sshd) -> None:
    """The node goes away in the middle, for good as far as this run can tell."""
    bench.text("a.conf", "one\n")
    path = str(bench.file("a.conf"))
    session = 'p=$$; while [ "$(cat /proc/$p/comm)" != sshd ]; do p=$(ps -o ppid= -p "$p" | tr -d " "); done'
    cut = f"{session}\nkill -9 {sshd.process.pid} $p\nsleep 30\n"
    bench.extra["verifications"] = [{"files": [path], "script": cut}]
    failure = bench.fails()
    assert "n1: " in failure
    sshd.process.wait(10)
    resources = json.loads(bench.state())["checkpoint"]["latest"]["resources"]
    [kept] = [one for one in resources if one["type"] == "plumbline:index:NodeState"]
    assert kept["initErrors"]
    sshd.process = server.start(sshd.folder, f"Port {sshd.port}").process
    bench.extra["verifications"] = []
    bench.up(refresh=True)
    assert bench.file("a.conf").read_text() == "one\n"
    assert bench.up(refresh=True) == {"same": 2}, "no trace of the failure in later plans"
    bench.destroy()
    assert not bench.target.exists() or os.listdir(bench.target) == []
