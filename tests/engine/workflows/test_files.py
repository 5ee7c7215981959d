"""The workflow files as they are: actionlint, GitLab's own schema, and what they must not do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.workflows.cluster import ROOT
from tests.tools import programs

GITHUB = sorted((ROOT / "ci/github").glob("*.yml"))
GITLAB = ROOT / "ci/gitlab/plumbline.yml"


def lint(*files: Path) -> str:
    """The findings of actionlint. It is not to use programs that this machine may have or not."""
    command = [str(programs.actionlint()), "-shellcheck=", "-pyflakes=", "-no-color", *map(str, files)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


def validate(file: Path, schema: str = "gitlab-ci") -> tuple[int, str]:
    """The status and words of a schema's validator."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(file)]
    environment = {**os.environ, "PYTHONPATH": str(programs.check_jsonschema())}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_actionlint_is_clean() -> None:
    assert len(GITHUB) == 4
    assert lint(*GITHUB) == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("pull-requests: write", "pull-request: write", 'unknown permission scope "pull-request"'),
        ("matrix.stack", "matrix.stak", 'property "stak" is not defined'),
        ("steps.preview.outcome", "steps.previw.outcome", 'property "previw" is not defined'),
    ],
)
def test_actionlint_finds_a_planted_fault(tmp_path: Path, old: str, new: str, said: str) -> None:
    planted = tmp_path / "plan.yml"
    planted.write_text((ROOT / "ci/github/plumbline-plan.yml").read_text().replace(old, new))
    assert said in lint(planted)


def test_gitlab_schema_accepts_the_file(tmp_path: Path) -> None:
    assert validate(GITLAB) == (0, "ok -- validation done\n")
    planted = tmp_path / "ci.yml"
    planted.write_text(GITLAB.read_text().replace("when: always", "when: sometimes"))
    status, said = validate(planted)
    assert status == 1
    assert "sometimes" in said


def _workflows() -> list[tuple[str, dict[Any, Any]]]:
    return [(file.name, yaml.safe_load(file.read_text())) for file in GITHUB]


def _steps() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{name}: {step.get('name', step.get('uses'))}", step)
        for name, workflow in _workflows()
        for job in workflow["jobs"].values()
        for step in job["steps"]
    ]


def test_scripts_have_no_expressions() -> None:
    """A branch's name or a title in a script would be a command."""
    for name, step in _steps():
        assert "${{" not in step.get("run", ""), name


def test_actions_are_pinned_by_commit() -> None:
    lines = [line for file in GITHUB for line in file.read_text().splitlines() if "uses:" in line]
    assert len(lines) > 10
    for line in lines:
        assert re.search(r"uses: actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line
    # One commit per action.
    pins = {match for line in lines for match in re.findall(r"(actions/[a-z-]+)@(\S+)", line)}
    assert len(pins) == len({name for name, _ in pins})


def test_permissions_are_minimal() -> None:
    allowed = {
        ("plumbline-plan.yml", "plan"): {"contents": "read", "pull-requests": "write"},
        ("plumbline-plan.yml", "fork"): {"contents": "read"},
        ("plumbline-fork-comment.yml", "comment"): {"actions": "read", "contents": "read", "pull-requests": "write"},
        ("plumbline-drift.yml", "drift"): {"contents": "read", "issues": "write"},
        ("plumbline-public-state.yml", "publish"): {"contents": "write"},
    }
    found = {(name, job): data["permissions"] for name, whole in _workflows() for job, data in whole["jobs"].items()}
    assert found == allowed
    assert all(workflow["permissions"] == {} for _, workflow in _workflows())


def test_code_of_a_fork_never_meets_a_secret() -> None:
    """`pull_request_target` has secrets; `workflow_run` has them, too, and checks out the default branch."""
    for name, workflow in _workflows():
        # YAML 1.1 reads the key `on` as true.
        assert "pull_request_target" not in workflow[True], name
    fork = yaml.safe_load((ROOT / "ci/github/plumbline-plan.yml").read_text())["jobs"]["fork"]
    assert not re.search(r"secrets\.|github\.token|vars\.", str(fork))
    assert fork["runs-on"] == "ubuntu-24.04"
    comment = yaml.safe_load((ROOT / "ci/github/plumbline-fork-comment.yml").read_text())["jobs"]["comment"]
    assert "secrets." not in str(comment)
    [checkout] = [step for step in comment["steps"] if step.get("uses", "").startswith("actions/checkout")]
    assert "ref" not in checkout["with"]


def test_installation_is_the_same_everywhere() -> None:
    scripts = {step["run"] for name, step in _steps() if name.endswith(": Install")}
    assert len(scripts) == 1


def test_files_hold_no_secret() -> None:
    """Secrets come from `secrets` and variables alone, and no script names one on a command line."""
    for file in (*GITHUB, GITLAB):
        text = file.read_text()
        given = re.findall(r"(?:PASSPHRASE|TOKEN)(?:: |=)(\S+)", text)
        assert all(value.startswith(("${{", "public", "$PLUMBLINE_TOKEN")) for value in given), (file.name, given)
