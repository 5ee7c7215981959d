"""Files on a node: written, read back, shown by line, repaired, removed; and no secret anywhere."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
from pathlib import Path
from typing import Any

from tests.provider import sshd as server
from tests.provider.conftest import MARKER, Bench, Later, Secret


def test_up_creates_and_a_second_up_changes_nothing(bench: Bench) -> None:
    bench.text("a.conf", "one\ntwo\n", mode="0600")
    assert bench.up()["create"] == 2  # the stack and the NodeState
    assert bench.file("a.conf").read_text() == "one\ntwo\n"
    assert bench.file("a.conf").stat().st_mode & 0o777 == 0o600
    assert bench.target.stat().st_mode & 0o777 == 0o750
    bench.operations()
    assert bench.up(refresh=True) == {"same": 2}
    operations = bench.operations()
    assert {one["op"] for one in operations} == {"read"}
    assert sum(one["writes"] for one in operations) == 0


def test_refresh_finds_what_the_update_stored(bench: Bench) -> None:
    bench.text("a.conf", "one\n")
    bench.up()
    bench.text("a.conf", "two\n")
    bench.up()
    stored = _outputs(bench)
    assert stored["machine"] == Path("/etc/machine-id").read_text().strip()
    bench.stack.refresh(on_output=bench.printed.append, color="never")
    assert _outputs(bench) == stored


def _outputs(bench: Bench) -> dict[str, Any]:
    resources = json.loads(bench.state())["checkpoint"]["latest"]["resources"]
    [outputs] = [one["outputs"] for one in resources if one["type"].endswith(":NodeState")]
    return {key: value for key, value in outputs.items() if key != "connection"}  # encrypted again each time


def test_hand_edit_shows_by_line_and_is_repaired(bench: Bench) -> None:
    bench.text("a.conf", "one\ntwo\nthree\n")
    bench.text("b.conf", "other\n")
    bench.up()
    bench.file("a.conf").write_text("one\nby hand\nthree\n")
    shown = bench.preview()
    assert "- by hand" in shown
    assert "+ two" in shown
    _, _, update = shown.partition("(update)")
    assert "a.conf" in update
    assert "b.conf" not in update
    bench.operations()
    assert bench.up(refresh=True) == {"same": 1, "update": 1}
    written = [path for one in bench.operations() if one["op"] == "commit" for path in one["paths"]]
    assert written == [str(bench.file("a.conf"))]
    assert bench.file("a.conf").read_text() == "one\ntwo\nthree\n"


def test_mode_and_missing_file_are_drift(bench: Bench) -> None:
    bench.text("a.conf", "one\n", mode="0600")
    bench.text("b.conf", "two\n")
    bench.up()
    bench.file("a.conf").chmod(0o644)
    bench.file("b.conf").unlink()
    shown = bench.preview()
    assert "0644" in shown
    assert "b.conf" in shown
    bench.up(refresh=True)
    assert bench.file("a.conf").stat().st_mode & 0o777 == 0o600
    assert bench.file("b.conf").read_text() == "two\n"


def test_directory_at_the_path_of_a_file_is_refused(bench: Bench) -> None:
    bench.text("a.conf", "one\n")
    bench.file("a.conf").mkdir(parents=True)
    said = bench.fails()
    assert f"n1: {bench.file('a.conf')} is a directory: move it away" in said
    assert {one["op"] for one in bench.operations()} == {"read"}, "the plan refuses it, before anything is staged"


def test_secret_shows_nowhere(bench: Bench, sshd: server.Sshd) -> None:
    bench.text("key", Secret(f"{MARKER}-1\n"), mode="0600")
    bench.up()
    bench.text("key", Secret(f"{MARKER}-2\n"), mode="0600")
    bench.preview(refresh=False)
    bench.up()
    bench.file("key").write_text(f"{MARKER}-3\n")
    shown = bench.preview()
    assert "key" in shown
    bench.stack.refresh(on_output=bench.printed.append, color="never")
    state = bench.state()
    bench.up()
    assert bench.file("key").read_text() == f"{MARKER}-2\n"
    private = sshd.private_key.splitlines()[1]
    for place in ("\n".join(bench.printed), state, bench.state(), bench.trace.read_text()):
        assert MARKER not in place
        assert private not in place


def test_removed_file_is_deleted_and_destroy_removes_the_rest(bench: Bench) -> None:
    bench.text("a.conf", "one\n")
    bench.text("b.conf", "two\n")
    bench.up()
    del bench.files[str(bench.file("b.conf"))]
    bench.file("mine").write_text("not the program's\n")
    bench.up()
    assert sorted(os.listdir(bench.target)) == ["a.conf", "mine"]
    bench.stack.destroy(on_output=bench.printed.append, color="never")
    assert os.listdir(bench.target) == ["mine"]


def test_unreachable_node_keeps_its_state(bench: Bench, sshd: server.Sshd) -> None:
    bench.text("a.conf", "one\n")
    bench.up()
    before = bench.state()
    sshd.stop()
    shown = bench.preview()
    assert "n1: 127.0.0.1" in shown
    assert "its last known state is kept, drift is not seen" in shown
    bench.stack.refresh(on_output=bench.printed.append, color="never")
    for state in (before, bench.state()):
        assert str(bench.file("a.conf")) in state
    sshd.process = server.start(sshd.folder).process


def test_host_key_mismatch_is_refused(bench: Bench, tmp_path: Path) -> None:
    bench.text("a.conf", "one\n")
    server.keys(tmp_path, "other")
    bench.connection["hostKey"] = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    said = bench.fails()
    assert "n1: the host key of 127.0.0.1" in said
    assert "Traceback" not in said
    assert not bench.file("a.conf").exists()


def test_login_key_that_is_refused_is_named(bench: Bench, tmp_path: Path) -> None:
    bench.text("a.conf", "one\n")
    server.keys(tmp_path, "other")
    bench.connection["privateKey"] = (tmp_path / "other").read_text()
    said = bench.fails()
    assert "refuses user root with this key" in said
    assert "PRIVATE KEY" not in said


def test_download_is_checked_before_it_is_installed(bench: Bench, tmp_path: Path) -> None:
    member = tmp_path / "tool"
    member.write_text("#!/bin/sh\n")
    archive = tmp_path / "tool.tar.gz"
    with tarfile.open(archive, "w:gz") as opened:
        opened.add(member, "bin/tool")
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    shape = {"mode": "0755", "owner": "root", "group": "root"}
    source = {"url": f"file://{archive}", "sha256": "0" * 64, "extract": "bin/tool"}
    bench.files[str(bench.file("tool"))] = {"source": source, **shape}
    assert f"has sha256 {checksum}, pinned is {'0' * 64}" in bench.fails()
    assert not bench.file("tool").exists()
    source["sha256"] = checksum
    bench.up()
    assert bench.file("tool").read_text() == "#!/bin/sh\n"
    assert bench.up(refresh=True) == {"same": 2}
    bench.file("tool").write_text("#!/bin/false\n")
    assert bench.up(refresh=True) == {"same": 1, "update": 1}
    assert bench.file("tool").read_text() == "#!/bin/sh\n"


def test_invalid_inputs_are_refused_before_anything_is_touched(bench: Bench) -> None:
    bench.text("a.conf", "one\n", mode="rw-r--r--")
    bench.files["relative"] = {"content": "x", "mode": "0644", "owner": "root", "group": "root"}
    bench.extra["reactions"] = [{"unit": "kubelet", "action": "reboot", "files": ["/absent"]}]
    bench.extra["redyness"] = []
    said = bench.fails()
    for expected in (
        "'rw-r--r--' is not octal digits such as 0644",
        "is not an absolute path in its shortest form",
        "'kubelet' is not a unit's name, such as kubelet.service",
        "'reboot' is not one of restart, reload, self-reload",
        "/absent is not among files",
        "did you mean readiness?",
    ):
        assert expected in said, expected
    assert "Traceback" not in said
    assert bench.operations() == []


def test_connection_change_touches_nothing(bench: Bench, sshd: server.Sshd) -> None:
    bench.text("a.conf", "one\n")
    bench.up()
    bench.operations()
    sshd.stop()
    moved = server.start(sshd.folder)
    try:
        bench.connections["n1"] = moved.connection()
        assert bench.up() == {"same": 1, "update": 1}
        assert bench.writes() == 0
    finally:
        moved.stop()


def test_comment_in_yaml_shows_by_line(bench: Bench) -> None:
    bench.text("settings.yaml", "# ours\nmaxPods: 110\nlist: [1, 2]\n")
    bench.text("hidden.yaml", Secret(f"# {MARKER}\nkey: value\n"))
    bench.up()
    settings, hidden = bench.file("settings.yaml"), bench.file("hidden.yaml")
    settings.write_text("maxPods: 110\nlist: [1, 2]\n# edited by hand\n")
    hidden.write_text(f"key: value\n# {MARKER}-other\n")
    preview = bench.preview()
    assert re.search(r"^ +- # edited by hand$", preview, re.MULTILINE)
    assert re.search(r"^ +\+ # ours$", preview, re.MULTILINE)
    assert not re.search(r"[-+] maxPods", preview)
    assert MARKER not in preview
    settings.write_text("# ours\n# and more\nmaxPods: 13\nlist: [1, 2]\n")
    preview = bench.preview()
    assert re.search(r"^ +- # and more\n +- maxPods: 13\n +\+ maxPods: 110$", preview, re.MULTILINE)
    assert f"n1: {settings}" not in preview, "the engine shows these lines itself"


def test_unknown_values_pass_the_preview(bench: Bench) -> None:
    host_key = bench.connection["hostKey"]
    bench.connection["hostKey"] = Later(host_key)
    bench.connection["port"] = Later(bench.connection["port"])
    bench.text("a.conf", Later("one\n"), mode=Later("0600"))
    preview = bench.preview()
    assert "+ 2 to create" in preview
    assert "error" not in preview
    bench.up()
    bench.text("a.conf", Later("two\n"), mode="0600")
    preview = bench.preview()
    assert "~ 2 to update" in preview, "the resource, and the row of its file"
    assert "- one" not in preview, "no change of an unknown content is claimed"
    bench.up()
    assert bench.file("a.conf").read_text() == "two\n"
