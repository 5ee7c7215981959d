"""The shipped provider under a real engine, against a real sshd; and against a real systemd."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pulumi
import pytest
from pulumi import automation

import toolchain
from tests.provider import container
from tests.provider import sshd as server

ROOT = Path(__file__).resolve().parents[2]
Result = TypeVar("Result")
MARKER = "s3cret-Marker-0123456789"


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[server.Sshd]:
    started = server.start(tmp_path / "sshd")
    yield started
    started.stop()


@pytest.fixture(scope="session")
def systemd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[container.Container]:
    with container.booted(tmp_path_factory.mktemp("container")) as booted:
        yield booted


class Reached(Protocol):
    """A machine to log in to."""

    def connection(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Secret:
    """A text to be handed over as a secret."""

    text: str


@dataclass(frozen=True)
class Later:
    """A text that is known only once another resource is made."""

    text: str


def reached(run: Callable[[], Result]) -> Result:
    """The result of a run. It is repeated once if the program, in this process, did not reach the engine at all.

    gRPC keeps its connections by address for the whole process: an engine that listens on the port of one that was killed
    before it is taken for dead for a while. Nothing has been registered then.
    """
    try:
        return run()
    except automation.CommandError as error:
        if not any(said in str(error) for said in ("Resource monitor has terminated", "_InactiveRpcError")):
            raise
        return run()


class Bench:
    """One stack of NodeStates, changed from run to run. What every run printed is kept in `printed`."""

    def __init__(self, folder: Path, nodes: dict[str, Reached], target: Path) -> None:
        folder.mkdir()
        (folder / "Pulumi.yaml").write_text(
            json.dumps(
                {
                    "name": "bench",
                    "runtime": "python",
                    "plugins": {"providers": [{"name": "plumbline", "path": str(ROOT / "provider")}]},
                }
            )
        )
        (folder / "state").mkdir()
        self.folder = folder
        self.trace = folder / "trace.jsonl"
        self.target = target
        self.files: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}
        self.connections: dict[str, dict[str, Any]] = {name: node.connection() for name, node in nodes.items()}
        self.printed: list[str] = []
        found = toolchain.environment(folder)
        self.variables = {
            **found,
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PLUMBLINE_TRACE": str(self.trace),
            "PLUMBLINE_PYTHON": str(ROOT / ".venv/bin/python"),
        }
        self.variables.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
        os.environ["PATH"] = self.variables.get("PATH", os.environ["PATH"])
        assert shutil.which("pulumi"), "there is no pulumi: run `make tools`"
        self.stack = automation.create_or_select_stack(
            stack_name="bench",
            project_name="bench",
            program=self._program,
            work_dir=str(folder),
            opts=automation.LocalWorkspaceOptions(work_dir=str(folder), env_vars=self.variables),
        )

    @property
    def connection(self) -> dict[str, Any]:
        """The only node's connection."""
        [one] = self.connections.values()
        return one

    def file(self, name: str) -> Path:
        """A path on the node."""
        return self.target / name

    def text(self, name: str, content: Any, mode: Any = "0644", **more: Any) -> None:
        """Wants a file with this text."""
        shape = {"content": content, "mode": mode, "owner": "root", "group": "root", **more}
        self.files[str(self.file(name))] = shape

    def _program(self) -> None:
        for name, found in self.connections.items():
            connection = {key: self._value(value) for key, value in found.items()}
            connection["privateKey"] = pulumi.Output.secret(found["privateKey"])
            pulumi.CustomResource(
                "plumbline:index:NodeState",
                f"{name}-proof",
                {
                    "node": name,
                    "connection": connection,
                    "machineId": "machine-1",
                    "directories": {str(self.target): {"mode": "0750", "owner": "root", "group": "root"}},
                    "files": {path: self._shape(shape) for path, shape in self.files.items()},
                    "units": {},
                    "reactions": [],
                    "readiness": [],
                    "revision": None,
                    **self.extra,
                },
            )

    @classmethod
    def _shape(cls, shape: dict[str, Any]) -> dict[str, Any]:
        return {key: cls._value(value) for key, value in shape.items()}

    @staticmethod
    def _value(value: Any) -> Any:
        """Secrets are made inside the program, in its own event loop."""
        if isinstance(value, Secret):
            return pulumi.Output.secret(value.text)
        if isinstance(value, Later):
            return pulumi.Output.from_input(pulumi.UNKNOWN if pulumi.runtime.is_dry_run() else value.text)
        return value

    def up(self, refresh: bool = False) -> dict[str, int]:
        """Runs `up`; returns the summary's counts by operation."""
        done = reached(lambda: self.stack.up(on_output=self.printed.append, refresh=refresh, color="never"))
        return {str(key): int(value) for key, value in (done.summary.resource_changes or {}).items()}

    def preview(self, refresh: bool = True, outputs: bool = True) -> str:
        """The output of `preview --diff`, without `outputs` of `preview --diff --suppress-outputs`."""
        lines: list[str] = []
        reached(
            lambda: self.stack.preview(
                on_output=lines.append,
                on_error=lines.append,
                refresh=refresh,
                diff=True,
                color="never",
                suppress_outputs=not outputs,
            )
        )
        self.printed += lines
        return "\n".join(lines)

    def fails(self, note: Callable[[automation.EngineEvent], None] | None = None) -> str:
        """Runs an `up` that must fail; returns all that it printed. `note` gets its events."""
        output = self.printed.append
        with pytest.raises(automation.CommandError) as raised:
            reached(lambda: self.stack.up(on_output=output, on_error=output, on_event=note, color="never"))
        return str(raised.value)

    def destroy(self) -> None:
        """Runs `destroy`."""
        reached(lambda: self.stack.destroy(on_output=self.printed.append, color="never"))

    def state(self) -> str:
        """The state as it is stored."""
        [file] = self.folder.glob("state/.pulumi/stacks/bench/bench.json")
        return file.read_text()

    def operations(self) -> list[dict[str, Any]]:
        """The remote operations since this was last asked."""
        if not self.trace.exists():
            return []
        lines = self.trace.read_text().splitlines()
        self.trace.unlink()
        return [json.loads(line) for line in lines]

    def writes(self) -> int:
        """The paths that those operations wrote."""
        return sum(one["writes"] for one in self.operations())


@pytest.fixture
def bench(tmp_path: Path, sshd: server.Sshd) -> Bench:
    """One node whose files are below a temporary folder of this machine; it has no systemd."""
    return Bench(tmp_path / "bench", {"n1": sshd}, tmp_path / "node")


@pytest.fixture
def remote(tmp_path: Path, systemd: container.Container) -> Iterator[Bench]:
    """One node with systemd, left as it was found: that is what `destroy` promises."""
    made = Bench(tmp_path / "bench", {"n1": systemd}, Path("/etc/proof"))
    before = systemd.left()
    yield made
    made.connections = {"n1": systemd.connection()}
    made.destroy()
    after = systemd.left()
    assert (after - before, before - after) == (set(), set()), "what was left, and what is missing"
