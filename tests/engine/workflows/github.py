"""Runs the steps of a job of GitHub Actions, in their order, as far as the ready workflows need it.

The scripts are those of the file. Actions are replaced: a checkout is a clone of the local repository, artifacts are folders.
Expressions are evaluated with the contexts that the test gives. Nothing is masked in the log.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

STATUS = re.compile(r"\b(?:always|cancelled|failure|success)\(\)")
SHELL = ["bash", "--noprofile", "--norc", "-eo", "pipefail"]


def run_script(script: str, folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a script as a runner does. Standard output has its errors, too."""
    return subprocess.run(
        [*SHELL, "-c", script],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        check=False,
    )


@dataclass
class Result:
    """The end of a job: whether each step succeeded, failed or was skipped, and all that was printed."""

    outcomes: dict[str, str]
    log: str
    workspace: Path

    @property
    def failed(self) -> list[str]:
        """The names of the steps that failed."""
        return [name for name, outcome in self.outcomes.items() if outcome == "failure"]


@dataclass
class Runner:
    """A machine for jobs. `environment` is that of every step; `artifacts` has those of all runs.

    Without HOME in it, each job has a new one, as on a hosted runner. Without `virtualenv`, a job makes its own.
    """

    environment: Mapping[str, str]
    repository: Path
    folder: Path
    artifacts: Path
    virtualenv: Path | None = None
    number: int = field(default=0, init=False)

    def run(self, workflow: Path, job: str, contexts: Mapping[str, Any], ref: str = "main") -> Result:
        """Runs one job. `contexts` has github, matrix, secrets, vars and runner; `ref` is what is checked out."""
        description = yaml.safe_load(workflow.read_text())
        wanted = description["jobs"][job]
        self.number += 1
        workspace = self.folder / f"job-{self.number}"
        workspace.mkdir(parents=True)
        home = workspace.with_name(f"home-{self.number}")
        home.mkdir()
        state = _State(self, workspace, ref, dict(contexts), {"HOME": str(home), **self.environment})
        assert state.condition(wanted.get("if", "true")), f"the condition of {job} does not hold"
        state.environment |= {key: state.filled(value) for key, value in (wanted.get("env") or {}).items()}
        for number, step in enumerate(wanted["steps"]):
            state.step(step, step.get("name") or f"step {number}")
        return Result(state.outcomes, "".join(state.log), workspace)


@dataclass
class _State:
    """A job while it runs."""

    runner: Runner
    workspace: Path
    ref: str
    contexts: dict[str, Any]
    environment: dict[str, str]
    outcomes: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    failed: bool = False

    def step(self, step: Mapping[str, Any], name: str) -> None:
        """Runs a step, if its condition holds."""
        condition = str(step.get("if", "success()"))
        if not STATUS.search(condition):
            condition = f"success() && ({condition.removeprefix('${{').removesuffix('}}')})"
        outcome = "skipped"
        if self.condition(condition):
            outcome = "success" if self._execute(step) else "failure"
        self.outcomes[name] = outcome
        self.contexts.setdefault("steps", {})[step.get("id", name)] = {"outcome": outcome}
        self.failed |= outcome == "failure" and not step.get("continue-on-error")

    def _execute(self, step: Mapping[str, Any]) -> bool:
        if "uses" in step:
            action = step["uses"].partition("@")[0]
            return bool(ACTIONS[action](self, {key: self.filled(one) for key, one in (step.get("with") or {}).items()}))
        given = {key: self.filled(value) for key, value in (step.get("env") or {}).items()}
        done = run_script(step["run"], self.workspace, {**self.environment, **given})
        self.log.append(f"## {step.get('name')}\n{done.stdout}")
        return done.returncode == 0

    def filled(self, value: Any) -> str:
        """A value with its expressions evaluated."""
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return re.sub(r"\$\{\{(.*?)\}\}", lambda match: _text(self._value(match[1])), text)

    def condition(self, text: str) -> bool:
        """Whether a condition holds."""
        return bool(self._value(text.strip().removeprefix("${{").removesuffix("}}")))

    def _value(self, expression: str) -> Any:
        words = re.findall(r"'[^']*'|==|!=|&&|\|\||!|[(),]|[A-Za-z_][\w.-]*|\S", expression)
        names = {"&&": "and", "||": "or", "!": "not ", "true": "True", "false": "False"}
        program = " ".join(
            names.get(word, f"look({word!r})" if re.match(r"[a-z][\w-]*\.", word) else word) for word in words
        )
        known = {
            "look": self._look,
            "success": lambda: not self.failed,
            "failure": lambda: self.failed,
            "always": lambda: True,
            "cancelled": lambda: False,
            "hashFiles": lambda *_: "0",
        }
        return eval(program, {"__builtins__": {}}, known)

    def _look(self, path: str) -> Any:
        found: Any = self.contexts
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        return found


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _checkout(state: _State, given: Mapping[str, str]) -> bool:
    target = state.workspace / given.get("path", ".")
    command = [
        "git",
        "clone",
        "--quiet",
        "--branch",
        given.get("ref", state.ref),
        str(state.runner.repository),
        str(target),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    state.log.append(done.stderr)
    if state.runner.virtualenv is not None and "path" not in given:
        (target / ".venv").symlink_to(state.runner.virtualenv)
    return done.returncode == 0


def _upload(state: _State, given: Mapping[str, str]) -> bool:
    target = state.runner.artifacts / given["name"]
    shutil.rmtree(target, ignore_errors=True)
    for pattern in given["path"].split():
        for file in state.workspace.glob(pattern):
            copy = target / file.relative_to(state.workspace)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
    return True


def _download(state: _State, given: Mapping[str, str]) -> bool:
    source = state.runner.artifacts / given["name"]
    if not source.is_dir():
        return False
    shutil.copytree(source, state.workspace / given["path"])
    return True


ACTIONS = {
    "actions/checkout": _checkout,
    "actions/cache": lambda *_: True,
    "actions/upload-artifact": _upload,
    "actions/download-artifact": _download,
}
"""The actions that the ready workflows use; another one fails the test."""
