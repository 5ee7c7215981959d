"""A Pulumi project in a temporary folder, run by the engine that `make tools` found or built."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import toolchain


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds; return whether it does within the time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


class Project:
    """`pulumi` commands in a folder with a Python program and the stack `dev`. `printed` has their output."""

    def __init__(self, folder: Path, program: str, virtualenv: str = sys.prefix) -> None:
        (folder / ".lab/state").mkdir(parents=True)
        self.folder = folder
        self.printed: list[str] = []
        self.settings: dict[str, Any] = {
            "name": "trial",
            "runtime": {"name": "python", "options": {"virtualenv": virtualenv}},
        }
        self.configure()
        self.program(program)
        # Pulumi settings in the environment are not for this project.
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
        own = {name: value for name, value in toolchain.environment(folder).items() if name != "PULUMI_BACKEND_URL"}
        self.variables = {**clean, **own, "PULUMI_BACKEND_URL": f"file://{folder}/.lab/state"}
        self.run("stack", "init", "dev")

    def configure(self, **settings: Any) -> None:
        """Write Pulumi.yaml with these keys added."""
        self.settings |= settings
        (self.folder / "Pulumi.yaml").write_text(json.dumps(self.settings))

    def program(self, text: str, folder: str = ".") -> None:
        """Write the program of the project, or of a plugin in a folder of the project."""
        (self.folder / folder / "__main__.py").write_text(textwrap.dedent(text))

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of `pulumi`."""
        return ["pulumi", "--non-interactive", "--color=never", *arguments]

    def start_up(self) -> subprocess.Popen[bytes]:
        """Start an `up` and return while it runs. The caller ends it."""
        return subprocess.Popen(
            self.command("up", "--yes", "--skip-preview"),
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(self, *arguments: str, fails: bool = False) -> str:
        """Run a command that must succeed, or with `fails` must fail, and return its output."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        self.printed.append(done.stdout)
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, with secrets in plain text."""
        done = subprocess.run(
            self.command("stack", "output", "--json", "--show-secrets"),
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found
