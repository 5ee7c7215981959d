"""The workflows for GitHub Actions, job by job."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.workflows.cluster import ROOT
from tests.engine.workflows.conftest import Place
from tests.engine.workflows.forge import BOT, REPOSITORY, Comment
from tests.engine.workflows.github import Result, Runner

WORKFLOWS = ROOT / "ci/github"
PLAN, DRIFT = WORKFLOWS / "plumbline-plan.yml", WORKFLOWS / "plumbline-drift.yml"
PUBLIC, FORK = WORKFLOWS / "plumbline-public-state.yml", WORKFLOWS / "plumbline-fork-comment.yml"
HOSTED = {"stack": "production", "ssh": False}
OWN = {"stack": "staging", "ssh": True}
FORKED = "stranger/cluster"
Search = Callable[..., list[str]]


class Actions:
    """Runs jobs with the contexts that GitHub gives them."""

    def __init__(self, place: Place, virtualenv: Path) -> None:
        self.place = place
        folder = place.folder / "actions"
        self.artifacts = folder / "artifacts"
        variables = {
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_API_URL": place.forge.url,
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_RUN_ID": "77",
        }
        origin = place.cluster.origin
        hosted, own = place.environment | variables, place.own_machine("staging") | variables
        self.hosted = Runner(hosted, origin, folder / "hosted", self.artifacts, virtualenv)
        self.own = Runner(own, origin, folder / "own", self.artifacts, virtualenv)
        self.logs: list[str] = []

    def run(self, runner: Runner, workflow: Path, job: str, ref: str = "main", **contexts: Any) -> Result:
        """Runs a job. Those of a fork get neither secrets nor variables."""
        github = {"repository": REPOSITORY, "token": self.place.forge.token, **contexts.pop("github", {})}
        trusted = {
            "vars": {"PULUMI_BACKEND_URL": self.place.cluster.backend},
            "secrets": {"PULUMI_CONFIG_PASSPHRASE": self.place.cluster.passphrase},
        }
        done = runner.run(workflow, job, {"github": github, **({} if job == "fork" else trusted), **contexts}, ref)
        self.logs.append(done.log)
        return done

    def plan(self, runner: Runner, matrix: dict[str, Any], branch: str, commit: str, number: int = 5) -> Result:
        """The job for a branch of the repository."""
        return self.run(runner, PLAN, "plan", branch, github=_pull(REPOSITORY, commit, number), matrix=matrix)


def _pull(repository: str, commit: str, number: int) -> dict[str, Any]:
    return {"event": {"number": number, "pull_request": {"head": {"sha": commit, "repo": {"full_name": repository}}}}}


@pytest.fixture(scope="module")
def actions(place: Place, virtualenv: Path) -> Actions:
    """The machines of GitHub and of the operator."""
    return Actions(place, virtualenv)


def test_plan_is_one_comment_that_is_updated_and_fails_over_budget(actions: Actions, search: Search) -> None:
    place, forge = actions.place, actions.place.forge
    commit = place.cluster.change("more-pods", "production", w1=120)
    done = actions.plan(actions.hosted, HOSTED, "more-pods", commit)
    assert done.failed == [], done.log
    [comment] = forge.comments
    assert comment.body.startswith(
        "<!-- plumbline report: production -->\n**production: 1 node changes, 1 unit restarts"
    )
    assert "drift not read" in comment.body
    assert "+maxPods: 120" in comment.body
    assert "connection" not in comment.body, "the key files are those of the state"
    assert f"commit {commit[:12]}" in comment.body
    assert f"https://github.example/{REPOSITORY}/actions/runs/77" in comment.body

    commit = place.cluster.change("more-pods", "production", w1=120, w2=120)
    done = actions.plan(actions.hosted, HOSTED, "more-pods", commit)
    assert done.failed == ["Preview"], done.log
    assert done.outcomes["Comment"] == "success"
    assert forge.comments == [comment]
    assert comment.edits == 1
    assert "budget exceeded: 2 restarts and stops" in comment.body

    kept = actions.artifacts / "plumbline-plan-production"
    assert json.loads((kept / "plan.json").read_text())["stack"] == "production"
    [page] = kept.glob("plans/*.html")
    assert "<html" in page.read_text()
    assert search(done.log, forge.text(), *actions.logs, files=(*kept.rglob("*"), *done.workspace.glob(".lab/*"))) == []


def test_search_finds_a_planted_secret(place: Place, search: Search, tmp_path: Path) -> None:
    for secret in place.secrets:
        (tmp_path / "log").write_text(f"one {secret} two")
        assert search("nothing", files=(tmp_path / "log",)) == [str(tmp_path / "log")]
    assert len(place.secrets) > 4


def test_plan_with_ssh_shows_drift_and_has_a_comment_of_its_stack(actions: Actions, search: Search) -> None:
    forge, file = actions.place.forge, _file(actions, "w2")
    former, before = file.read_text(), list(forge.comments)
    file.write_text(former + "# by hand\n")
    commit = actions.place.cluster.change("staging-pods", "staging", w1=120)
    done = actions.plan(actions.own, OWN, "staging-pods", commit, number=6)
    file.write_text(former)
    assert done.outcomes["Key files"] == "skipped"
    [comment] = [one for one in forge.comments if one not in before]
    assert comment.on == 6
    assert comment.body.startswith(
        "<!-- plumbline report: staging -->\n**staging: 2 nodes change, 2 units restart, drift on 1 node"
    )
    assert "-# by hand" in comment.body
    assert done.failed == ["Preview"], "two restarts, one is allowed"
    assert search(forge.text(), *actions.logs) == []


def test_preview_that_fails_is_a_comment(actions: Actions) -> None:
    cluster, forge = actions.place.cluster, actions.place.forge
    cluster.git("checkout", "--quiet", "-B", "broken", "main")
    (cluster.checkout / "__main__.py").write_text("raise SystemExit('no such node')\n")
    commit = cluster.push("broken", "Break it")
    cluster.git("checkout", "--quiet", "main")
    done = actions.plan(actions.own, OWN, "broken", commit, number=7)
    assert done.failed == ["Preview"]
    [comment] = [one for one in forge.comments if one.on == 7]
    assert "staging: the preview failed" in comment.body


def test_plan_without_a_backend_says_what_to_set(actions: Actions) -> None:
    commit = actions.place.cluster.change("more-pods", "production", w1=120)
    done = actions.run(
        actions.hosted, PLAN, "plan", github=_pull(REPOSITORY, commit, 8), matrix=HOSTED, vars={}, secrets={}
    )
    assert done.failed == ["Key files"]
    assert "set the repository variable PULUMI_BACKEND_URL" in done.log


def test_fork_gets_its_plan_without_secrets(actions: Actions, search: Search) -> None:
    place, forge, cluster = actions.place, actions.place.forge, actions.place.cluster
    done = actions.run(actions.hosted, PUBLIC, "publish")
    assert done.failed == [], done.log
    published = _git(cluster.origin, "show", "plumbline-public-state:production.json")
    assert _git(cluster.origin, "rev-list", "--count", "plumbline-public-state").strip() == "1"
    assert search(published, done.log) == []
    # Published again: still one commit.
    assert actions.run(actions.hosted, PUBLIC, "publish").failed == []
    assert _git(cluster.origin, "rev-list", "--count", "plumbline-public-state").strip() == "1"

    commit = cluster.change("fork-pods", "production", w1=130)
    done = actions.run(
        actions.hosted, PLAN, "fork", "fork-pods", github=_pull(FORKED, commit, 9), matrix={"stack": "production"}
    )
    assert done.failed == [], done.log
    plan = json.loads((actions.artifacts / "plumbline-fork-plan-production/plan.json").read_text())
    assert [one["node"] for one in plan["nodes"]] == ["w1"], "the state is that of the cluster"
    assert place.cluster.passphrase not in done.log

    before = list(forge.comments)
    event: dict[str, Any] = {"head_repository": {"full_name": FORKED}, "head_branch": "fork-pods", "head_sha": commit}
    event |= {"event": "pull_request", "id": 78, "html_url": "https://github.example/runs/78"}
    head = {"sha": commit, "ref": "fork-pods", "repo": {"full_name": FORKED}}
    forge.pulls.append({"number": 9, "head": head})
    for edits in (0, 1):
        done = _comment_on_fork(actions, event)
        assert done.failed == [], done.log
        [comment] = [one for one in forge.comments if one not in before]
        assert (comment.on, comment.edits) == (9, edits)
    assert "**Not verified.**" in comment.body
    assert "+maxPods: 130" in comment.body
    assert "https://github.example/runs/78" in comment.body

    # The branch has moved on: this plan is not that of the pull request.
    head["sha"] = "0" * 40
    assert "no open pull request" in _comment_on_fork(actions, event).log
    assert comment.edits == 1
    assert search(forge.text(), *actions.logs, files=tuple(actions.artifacts.rglob("*"))) == []


def test_fork_cannot_write_as_another_stack(actions: Actions) -> None:
    forged = actions.artifacts / "plumbline-fork-plan-production"
    forged.mkdir(parents=True, exist_ok=True)
    (forged / "plan.json").write_text('{\n "version": 1, "stack": "staging", "operation": "preview"}')
    event = {"head_repository": {"full_name": FORKED}, "head_branch": "x", "head_sha": "1", "event": "pull_request"}
    done = _comment_on_fork(actions, event)
    assert done.failed == ["Comment"]
    assert "is a report of another stack than production" in done.log


def test_comment_of_another_account_is_not_updated(actions: Actions) -> None:
    forge = actions.place.forge
    other = Comment(999, 10, "stranger", "<!-- plumbline report: production -->\nnothing changes")
    forge.comments.append(other)
    commit = actions.place.cluster.change("more-pods", "production", w1=120)
    done = actions.plan(actions.hosted, HOSTED, "more-pods", commit, number=10)
    assert done.failed == []
    assert other.edits == 0
    assert [one.author for one in forge.comments if one.on == 10] == ["stranger", BOT]


def test_drift_is_one_issue_that_is_updated_and_closed(actions: Actions, search: Search) -> None:
    forge, files = actions.place.forge, [_file(actions, node) for node in ("w1", "w2")]
    former = [file.read_text() for file in files]

    def check() -> Result:
        return actions.run(actions.own, DRIFT, "drift", matrix={"stack": "staging"})

    assert check().failed == []
    assert forge.issues == []

    files[0].write_text("maxPods: 1\n")
    assert check().failed == [], "the issue tells of it"
    [issue] = forge.issues
    assert issue.title == "Drift on staging"
    assert issue.body.startswith("<!-- plumbline drift: staging -->\n**staging: 1 difference on 1 node**")

    files[1].write_text("maxPods: 1\n")
    done = check()
    assert (done.failed, forge.issues, issue.edits) == ([], [issue], 1)
    assert "2 differences on 2 nodes" in issue.body

    # A node that does not answer: the job fails, and the issue stays open.
    moved = actions.place.cluster.nodes("staging").rename(actions.place.folder / "away")
    assert check().failed == ["Check"]
    moved.rename(actions.place.cluster.nodes("staging"))
    assert (issue.state, issue.edits) == ("open", 2)
    assert "2 nodes not read" in issue.body

    for file, text in zip(files, former, strict=True):
        file.write_text(text)
    done = check()
    assert (done.failed, issue.state) == ([], "closed")
    assert "No drift any more" in forge.comments[-1].body
    assert search(forge.text(), *actions.logs, files=tuple(actions.artifacts.rglob("*"))) == []


def _comment_on_fork(actions: Actions, event: dict[str, Any]) -> Result:
    # The default branch's code, with the Python of the machine and nothing installed.
    github = {"event": {"workflow_run": event}}
    return actions.run(actions.hosted, FORK, "comment", github=github, matrix={"stack": "production"})


def _file(actions: Actions, node: str) -> Path:
    return actions.place.cluster.nodes("staging") / node / "etc/kubernetes/kubelet.yaml"


def _git(repository: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(repository), *arguments], check=True, capture_output=True, text=True).stdout
