"""The jobs for GitLab CI."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.workflows.cluster import ROOT
from tests.engine.workflows.conftest import Place
from tests.engine.workflows.forge import PROJECT
from tests.engine.workflows.gitlab import Ended, Runner

FILE = ROOT / "ci/gitlab/plumbline.yml"
HOSTED = {"STACK": "production", "REFRESH": "false"}
OWN = {"STACK": "staging", "REFRESH": "true"}
Search = Callable[..., list[str]]


class Pipelines:
    """Runs jobs with the variables that GitLab gives them."""

    def __init__(self, place: Place, virtualenv: Path) -> None:
        self.place = place
        predefined = {
            "CI_PROJECT_ID": PROJECT,
            "CI_API_V4_URL": place.forge.url,
            "CI_JOB_URL": "https://gitlab.example/jobs/77",
            "CI_PROJECT_URL": str(place.cluster.origin).removesuffix(".git"),
        }
        configured = {
            "PULUMI_BACKEND_URL": place.cluster.backend,
            "PULUMI_CONFIG_PASSPHRASE": place.cluster.passphrase,
            "PLUMBLINE_TOKEN": place.forge.token,
        }
        folder, origin = place.folder / "gitlab", place.cluster.origin
        hosted = place.environment | predefined
        own = place.own_machine("staging") | predefined
        self.hosted = Runner(FILE, hosted | configured, origin, folder / "hosted", virtualenv)
        self.own = Runner(FILE, own | configured, origin, folder / "own", virtualenv)
        self.fork = Runner(FILE, hosted, origin, folder / "fork", virtualenv)
        self.logs: list[str] = []

    def run(self, runner: Runner, job: str, ref: str = "main", **variables: str) -> Ended:
        """Runs a job, and searches what it keeps."""
        done = runner.run(job, variables, ref)
        self.logs += [done.log, *(file.read_text() for file in done.artifacts(runner.job(job)))]
        return done


@pytest.fixture(scope="module")
def pipelines(place: Place, virtualenv: Path) -> Pipelines:
    """The machines of GitLab and of the operator."""
    return Pipelines(place, virtualenv)


def test_plan_is_one_note_that_is_updated_and_fails_over_budget(pipelines: Pipelines, search: Search) -> None:
    place, forge = pipelines.place, pipelines.place.forge
    merge = {"CI_MERGE_REQUEST_IID": "5", **HOSTED}
    commit = place.cluster.change("more-pods", "production", w1=120)
    done = pipelines.run(pipelines.hosted, "plumbline-plan", "more-pods", CI_COMMIT_SHA=commit, **merge)
    assert done.status == 0, done.log
    [note] = forge.comments
    assert note.body.startswith("<!-- plumbline report: production -->\n**production: 1 node changes, 1 unit restarts")
    assert "https://gitlab.example/jobs/77" in note.body

    commit = place.cluster.change("more-pods", "production", w1=120, w2=120)
    done = pipelines.run(pipelines.hosted, "plumbline-plan", "more-pods", CI_COMMIT_SHA=commit, **merge)
    assert done.status == 4, done.log
    assert (forge.comments, note.edits) == ([note], 1)
    assert "budget exceeded: 2 restarts and stops" in note.body
    names = [file.suffix for file in done.artifacts(pipelines.hosted.job("plumbline-plan"))]
    assert sorted(names) == [".html", ".json"]
    assert search(forge.text(), *pipelines.logs, files=tuple(done.workspace.glob(".lab/*"))) == []


def test_drift_is_one_issue_that_is_updated_and_closed(pipelines: Pipelines, search: Search) -> None:
    forge = pipelines.place.forge
    file = pipelines.place.cluster.nodes("staging") / "w1/etc/kubernetes/kubelet.yaml"
    former = file.read_text()
    for text, edits in (("maxPods: 1\n", 0), ("maxPods: 2\n", 1)):
        file.write_text(text)
        assert pipelines.run(pipelines.own, "plumbline-drift", **OWN).status == 0
        [issue] = forge.issues
        assert (issue.edits, issue.state) == (edits, "open")
    assert "staging: 1 difference on 1 node" in issue.body

    away = pipelines.place.cluster.nodes("staging").rename(pipelines.place.folder / "away")
    assert pipelines.run(pipelines.own, "plumbline-drift", **OWN).status == 1
    away.rename(pipelines.place.cluster.nodes("staging"))
    assert issue.state == "open"

    file.write_text(former)
    assert pipelines.run(pipelines.own, "plumbline-drift", **OWN).status == 0
    assert issue.state == "closed"
    assert search(forge.text(), *pipelines.logs) == []


def test_fork_gets_its_plan_without_variables(pipelines: Pipelines, search: Search) -> None:
    place = pipelines.place
    published = pipelines.hosted.run("plumbline-public-state", {})
    assert published.status == 0, published.log
    commit = place.cluster.change("fork-pods", "production", w1=130)
    url = str(place.cluster.origin).removesuffix(".git")
    variables = {"CI_MERGE_REQUEST_PROJECT_URL": url, "CI_COMMIT_SHA": commit, "STACK": "production"}
    ended = pipelines.run(pipelines.fork, "plumbline-fork-plan", "fork-pods", **variables)
    assert ended.status == 0, ended.log
    plan = json.loads((ended.workspace / "plan.json").read_text())
    assert [one["node"] for one in plan["nodes"]] == ["w1"]
    assert search(published.log, *pipelines.logs, files=tuple(ended.workspace.glob("public-state/*"))) == []
