"""Runs the script of a job of GitLab CI in one shell, as its runner does. Nothing is masked in the log."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.engine.workflows.github import run_script


@dataclass(frozen=True)
class Ended:
    """The end of a job."""

    status: int
    log: str
    workspace: Path

    def artifacts(self, job: Mapping[str, Any]) -> list[Path]:
        """The files that the job keeps."""
        return [file for pattern in job["artifacts"]["paths"] for file in self.workspace.glob(pattern)]


@dataclass
class Runner:
    """A machine for jobs of one file."""

    file: Path
    environment: Mapping[str, str]
    repository: Path
    folder: Path
    virtualenv: Path
    number: int = field(default=0, init=False)

    def job(self, name: str) -> dict[str, Any]:
        """A job with what it extends."""
        jobs = yaml.safe_load(self.file.read_text())
        job = jobs[name]
        base = self.job(job["extends"]) if "extends" in job else {}
        return {**base, **job, "variables": {**base.get("variables", {}), **job.get("variables", {})}}

    def run(self, name: str, variables: Mapping[str, str], ref: str = "main") -> Ended:
        """Runs a job with the predefined and configured variables of its pipeline."""
        job = self.job(name)
        self.number += 1
        workspace = self.folder / f"gitlab-{self.number}"
        clone = ["git", "clone", "--quiet", "--branch", ref, str(self.repository), str(workspace)]
        subprocess.run(clone, check=True, capture_output=True)
        (workspace / ".venv").symlink_to(self.virtualenv)
        home = workspace.with_name(f"home-{self.number}")
        home.mkdir()
        known = {"HOME": str(home), **self.environment, "CI_PROJECT_DIR": str(workspace), **variables}
        # The job's own cache would be empty here.
        own = {key: value for key, value in job["variables"].items() if key != "PLUMBLINE_CACHE"}
        done = run_script("\n".join([*job["before_script"], *job["script"]]), workspace, {**known, **own})
        return Ended(done.returncode, done.stdout, workspace)
