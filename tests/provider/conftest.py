"""The shipped provider under a real engine, against a real sshd."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import automation

import toolchain
from tests.provider import sshd as server

ROOT = Path(__file__).resolve().parents[2]
MARKER = "s3cret-Marker-0123456789"


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[server.Sshd]:
    started = server.start(tmp_path / "sshd")
    yield started
    started.stop()


@dataclass(frozen=True)
class Secret:
    """A text to be handed over as a secret."""

    text: str


class Bench:
    """One stack with one NodeState, changed from run to run. What every run printed is kept in `printed`."""

    def __init__(self, folder: Path, node: server.Sshd) -> None:
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
        self.target = folder / "node"
        self.node = node
        self.files: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}
        self.connection: dict[str, Any] = node.connection()
        self.printed: list[str] = []
        found = toolchain.environment(folder)
        variables = {
            **found,
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PLUMBLINE_TRACE": str(self.trace),
            "PLUMBLINE_PYTHON": str(ROOT / ".venv/bin/python"),
        }
        variables.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
        os.environ["PATH"] = variables.get("PATH", os.environ["PATH"])
        assert shutil.which("pulumi"), "there is no pulumi: run `make tools`"
        self.stack = automation.create_or_select_stack(
            stack_name="bench",
            project_name="bench",
            program=self._program,
            work_dir=str(folder),
            opts=automation.LocalWorkspaceOptions(work_dir=str(folder), env_vars=variables),
        )

    def file(self, name: str) -> Path:
        """A path on the node."""
        return self.target / name

    def text(self, name: str, content: Any, mode: str = "0644", **more: Any) -> None:
        """Wants a file with this text."""
        shape = {"content": content, "mode": mode, "owner": "root", "group": "root", **more}
        self.files[str(self.file(name))] = shape

    def _program(self) -> None:
        connection = {**self.connection, "privateKey": pulumi.Output.secret(self.connection["privateKey"])}
        pulumi.CustomResource(
            "plumbline:index:NodeState",
            "n1-proof",
            {
                "node": "n1",
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

    @staticmethod
    def _shape(shape: dict[str, Any]) -> dict[str, Any]:
        """Secrets are made inside the program, in its own event loop."""
        content = shape.get("content")
        return {**shape, "content": pulumi.Output.secret(content.text)} if isinstance(content, Secret) else shape

    def up(self, refresh: bool = False) -> dict[str, int]:
        """Runs `up`; returns the summary's counts by operation."""
        done = self.stack.up(on_output=self.printed.append, refresh=refresh, color="never")
        return {str(key): int(value) for key, value in (done.summary.resource_changes or {}).items()}

    def preview(self, refresh: bool = True) -> str:
        """What `preview --diff` prints."""
        lines: list[str] = []
        self.stack.preview(on_output=lines.append, on_error=lines.append, refresh=refresh, diff=True, color="never")
        self.printed += lines
        return "\n".join(lines)

    def fails(self) -> str:
        """Runs an `up` that must fail; returns all that it said."""
        with pytest.raises(automation.CommandError) as raised:
            self.stack.up(on_output=self.printed.append, on_error=self.printed.append, color="never")
        return str(raised.value)

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


@pytest.fixture
def bench(tmp_path: Path, sshd: server.Sshd) -> Iterator[Bench]:
    made = Bench(tmp_path / "bench", sshd)
    yield made
    made.node.stop()
