"""Rows of the preview for changed files and unit steps: there where something changes, never stored, and the engine lives."""

from __future__ import annotations

import json
import random
import subprocess
import time
from typing import Any

from pulumi import automation

from tests.provider import sshd as server
from tests.provider.conftest import MARKER, Bench, Secret

PANICS = ("panic:", "The Pulumi CLI encountered a fatal error", "snapshot integrity")


def rows(bench: Bench) -> dict[str, dict[str, Any]]:
    """The rows of `preview`, by name, as events: operation and facts."""
    found: dict[str, dict[str, Any]] = {}

    def note(event: automation.EngineEvent) -> None:
        if event.resource_pre_event is not None:
            step = event.resource_pre_event.metadata
            kind, _, name = step.urn.partition("plumbline:index:NodeState$")[2].partition("::")
            if name:
                facts = (step.new.inputs if step.new is not None else None) or {}
                found[name] = {"type": kind, "op": str(step.op.value), **facts}

    bench.stack.preview(on_output=bench.printed.append, on_event=note, color="never")
    return found


def test_preview_has_a_row_for_each_changed_file(bench: Bench) -> None:
    bench.text("a.conf", "one\n")
    bench.text("key", Secret(f"{MARKER}-1\n"), mode="0600")
    assert rows(bench) == {}, "a creation shows its inputs"
    bench.up()
    assert rows(bench) == {}, "nothing changes"
    bench.text("a.conf", "two\n")
    bench.text("b.conf", "new\n")
    bench.text("key", Secret(f"{MARKER}-2\n"), mode="0600")
    file = {"type": "plumbline:index:File"}
    assert rows(bench) == {
        f"n1:{bench.file('a.conf')}": {**file, "op": "update", "change": "content"},
        f"n1:{bench.file('b.conf')}": {**file, "op": "create", "change": "added"},
        f"n1:{bench.file('key')}": {**file, "op": "update", "change": "content"},
    }
    del bench.files[str(bench.file("b.conf"))], bench.files[str(bench.file("a.conf"))]
    assert rows(bench)[f"n1:{bench.file('a.conf')}"] == {**file, "op": "delete", "change": "removed"}
    done = subprocess.run(
        ["pulumi", "preview", "--json", "--stack", "bench"],
        cwd=bench.folder,
        env=bench.variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    for text in ("\n".join(bench.printed), done.stdout, done.stderr, bench.state()):
        assert MARKER not in text
    assert "plumbline:index:File" not in bench.state(), "rows are not stored"


def test_preview_of_a_file_in_another_state_has_its_row(bench: Bench) -> None:
    bench.text("a.conf", "one\n")
    bench.up()
    bench.file("a.conf").write_text("by hand\n")
    bench.stack.refresh(on_output=bench.printed.append, color="never")
    assert [one["change"] for one in rows(bench).values()] == ["content"]
    bench.extra["machineId"] = "machine-2"
    assert bench.up() == {"replace": 1, "same": 1}
    assert rows(bench) == {}


def test_preview_of_a_host_installed_again_has_all_rows(bench: Bench, sshd: server.Sshd) -> None:
    """Another host key, and nothing on it: nothing is replaced, and each file is new."""
    bench.text("a.conf", "one\n")
    bench.up()
    for path in (sshd.folder / "host", sshd.folder / "host.pub", bench.file("a.conf")):
        path.unlink()
    bench.target.rmdir()
    sshd.stop()
    started = server.start(sshd.folder)
    sshd.process, sshd.port = started.process, started.port
    bench.connections = {"n1": sshd.connection()}
    found = rows(bench)
    assert {name: one["op"] for name, one in found.items()} == {
        f"n1:{bench.target}": "create",
        f"n1:{bench.file('a.conf')}": "create",
    }


def test_creation_on_a_node_that_has_all_of_it_shows_no_file(bench: Bench) -> None:
    """Its state was lost; then it is renamed as well, with another text."""
    bench.text("a.conf", "one\n")
    bench.text("b.conf", "one\n")
    bench.up()
    lose(bench)
    adopted = {"type": "plumbline:index:Ownership", "op": "update", "change": "owner marks"}
    assert rows(bench) == {"n1:n1-proof": {**adopted, "because": "all of it exists"}}
    bench.text("a.conf", "two\n")
    assert {name: one["change"] for name, one in rows(bench).items()} == {f"n1:{bench.file('a.conf')}": "content"}
    bench.file("b.conf").write_text("by hand\n")
    before = bench.file("a.conf").stat().st_ino, bench.file("b.conf").stat().st_ino
    bench.text("a.conf", "one\n")
    bench.up()
    assert bench.file("a.conf").stat().st_ino == before[0]
    assert bench.file("b.conf").stat().st_ino != before[1]


def test_preview_of_a_machine_that_does_not_answer_is_soon_done(bench: Bench) -> None:
    """It is known already, and does not exist yet: neither a failure nor a wait. TEST-NET-1 swallows or refuses."""
    bench.text("a.conf", "one\n")
    bench.connections["n1"]["host"] = "192.0.2.1"
    begun = time.monotonic()
    assert rows(bench) == {}
    assert time.monotonic() - begun < 12
    assert "192.0.2.1" not in "\n".join(bench.printed)


def test_replacement_on_the_same_machine_shows_what_is_written(bench: Bench) -> None:
    for name in "abc":
        bench.text(f"{name}.conf", "one\n")
    bench.up()
    bench.file("b.conf").unlink()
    del bench.files[str(bench.file("c.conf"))]
    bench.extra["machineId"] = "machine-2"
    found = {name.rpartition("/")[2]: one for name, one in rows(bench).items()}
    assert {name: one["op"] for name, one in found.items()} == {
        "a.conf": "update",
        "b.conf": "create",
        "c.conf": "delete",
    }


def lose(bench: Bench, kind: str = "plumbline:index:NodeState") -> None:
    """The state of before, without the resource: as from a backup that is too old."""
    exported = bench.stack.export_stack()
    deployment = exported.deployment or {}
    kept = [one for one in deployment.get("resources", []) if one["type"] != kind]
    bench.stack.import_stack(automation.Deployment(exported.version, {**deployment, "resources": kept}))


class Sequence:
    """Random changes of one stack, each followed by an operation of a real engine."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench, self.random = bench, random.Random(seed)
        self.done: list[str] = []

    def change(self) -> None:
        bench, name = self.bench, f"{self.random.choice('abc')}.conf"
        match self.random.choice(("write", "write", "remove", "hand", "machine", "hand-remove")):
            case "write":
                bench.text(name, f"{self.random.randrange(3)}\n", mode=self.random.choice(("0644", "0600")))
            case "remove":
                bench.files.pop(str(bench.file(name)), None)
            case "hand" if bench.target.is_dir():
                bench.file(name).write_text("by hand\n")
            case "hand-remove":
                bench.file(name).unlink(missing_ok=True)
            case "machine":
                bench.extra["machineId"] = f"machine-{self.random.randrange(2)}"

    def operate(self) -> None:
        bench = self.bench
        operation = self.random.choice(("preview", "preview", "up", "up", "up-refresh", "refresh", "lose", "destroy"))
        self.done.append(operation)
        more: dict[str, Any] = {"on_output": bench.printed.append, "on_error": bench.printed.append, "color": "never"}
        try:
            match operation:
                case "preview":
                    bench.stack.preview(**more)
                case "up":
                    bench.stack.up(**more)
                case "up-refresh":
                    bench.stack.up(refresh=True, **more)
                case "refresh":
                    bench.stack.refresh(**more)
                case "destroy":
                    bench.stack.destroy(**more)
                case "lose":
                    lose(bench)
        except automation.CommandError as error:
            bench.printed.append(str(error))
            assert "the node changed since the plan was made" in str(error), (self.done, str(error))


def test_engine_survives_random_sequences(bench: Bench, sshd: server.Sshd) -> None:
    bench.text("a.conf", "one\n")
    sequence = Sequence(bench, 20261125)
    for _ in range(50):
        sequence.change()
        sequence.operate()
    printed = "\n".join(bench.printed)
    for text in PANICS:
        assert text not in printed, sequence.done
    assert json.loads(bench.state())["checkpoint"]["latest"] is not None
    bench.up(refresh=True)
    assert bench.up(refresh=True) == {"same": 2}
    bench.destroy()
