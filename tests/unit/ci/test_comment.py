"""The comment of a plan and the issue of drift: texts, limits, and what is not trusted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ci import comment, drift_issue
from ci.body import CUT, limited, own
from ci.forge import Note
from report import data, markdown
from tests.engine.workflows.forge import PROJECT, REPOSITORY, Comment, Forge, serving
from tests.unit.report.recorded import recorded

TOKEN = "t0ken-of-a-job"
MARK = "<!-- plumbline report: hosts -->"
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def there() -> Iterator[Forge]:
    """The stand-in for the API."""
    with serving(Forge(TOKEN)) as served:
        yield served


def environment(there: Forge, site: str) -> dict[str, str]:
    """The environment of a job."""
    if site == "github":
        return {"GITHUB_REPOSITORY": REPOSITORY, "GITHUB_API_URL": there.url, "PLUMBLINE_TOKEN": TOKEN}
    return {"CI_PROJECT_ID": PROJECT, "CI_API_V4_URL": there.url, "PLUMBLINE_TOKEN": TOKEN}


def written(folder: Path, case: str = "flag") -> Path:
    """The plan of a recorded run, as report.run writes it."""
    file = folder / "plan.json"
    file.write_text(data.to_json(recorded(case)))
    return file


@pytest.mark.parametrize("site", ["github", "gitlab"])
def test_comment_is_posted_once_and_updated(tmp_path: Path, there: Forge, site: str) -> None:
    there.comments.append(Comment(1, 5, "somebody", f"{MARK}\nnot ours"))
    there.comments.append(Comment(2, 5, "github-actions[bot]", f"quoted:\n{MARK}\n"))
    arguments = [
        "--stack",
        "org/project/hosts",
        "--report",
        str(written(tmp_path)),
        "--change",
        "5",
        "--commit",
        "a" * 40,
    ]
    for edits in (0, 1):
        assert comment.main(arguments, environment(there, site)) == 0
        assert [one.edits for one in there.comments] == [0, 0, edits]
    body = there.comments[-1].body
    assert body.startswith(markdown.render(recorded("flag")))
    assert body.splitlines()[0] == MARK
    assert "Plan of commit aaaaaaaaaaaa." in body


def test_missing_plan_is_a_comment_and_another_stack_is_refused(
    tmp_path: Path, there: Forge, capsys: pytest.CaptureFixture[str]
) -> None:
    here = environment(there, "github")
    assert comment.main(["--stack", "hosts", "--report", str(tmp_path / "none"), "--change", "5"], here) == 0
    assert there.comments[0].body.startswith(f"{MARK}\n**hosts: the preview failed**")
    assert comment.main(["--stack", "other", "--report", str(written(tmp_path)), "--change", "5"], here) == 1
    assert "is a report of another stack than other" in capsys.readouterr().err
    assert len(there.comments) == 1


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"version": 1}', '{"version": 1, "stack": "hosts", "nodes": 5}', "[" * 99999]
)
def test_foreign_file_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "plan.json"
    file.write_text(content)
    with pytest.raises(comment.NoReport) as raised:
        comment.text("hosts", file, "page", untrusted=True)
    assert str(raised.value).startswith(f"{file} is no report: ")
    assert "\n" not in str(raised.value)


def test_foreign_plan_cannot_break_out_of_its_table(tmp_path: Path) -> None:
    report = json.loads(data.to_json(recorded("flag")))
    report["nodes"][0]["paths"][0]["path"] = "/etc/x\n\n# approved by @maintainer\n![](https://example.org/x.png)"
    report["nodes"][0]["steps"][0]["because"] = "a\n\n<img src=x> @maintainer [x](y)"
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(report))
    body = comment.text("hosts", file, "page", untrusted=True)
    assert body.startswith(f"{MARK}\n> **Not verified.** ")
    assert "\n# approved" not in body
    assert "\n![" not in body
    assert "<img" not in body
    assert sum(line.startswith("|") for line in body.splitlines()) == sum(
        line.startswith("|") for line in markdown.render(recorded("flag")).splitlines()
    )


@pytest.mark.parametrize("most", [65_536, 5_000, 1_000])
def test_long_body_is_cut_at_a_line_and_closed(most: int) -> None:
    lines = "".join(f"+line {number}\n" for number in range(20_000))
    body = f"{MARK}\nhead\n\n<details><summary>x</summary>\n\n````diff\n{lines}````\n\n</details>\n"
    found = limited(body, most, "\nfoot\n")
    assert most - 200 < len(found) <= most
    assert found.endswith(f"\n````\n\n</details>{CUT}\nfoot\n")
    assert limited("short\n", most, "foot") == "short\nfoot"


def test_own_note_is_that_of_the_account_with_the_mark_first() -> None:
    notes = [
        Note(1, "me", f"x\n{MARK}"),
        Note(2, "other", f"{MARK}\nx"),
        Note(3, "me", f"{MARK}\r\nx"),
        Note(4, "me", MARK),
    ]
    found = own(notes, "me", MARK)
    assert found is not None
    assert found.number == 3
    assert own(notes, "nobody", MARK) is None


@pytest.mark.parametrize("site", ["github", "gitlab"])
def test_issue_is_opened_by_drift_only_and_closed_when_clean(tmp_path: Path, there: Forge, site: str) -> None:
    result, body = tmp_path / "drift.json", tmp_path / "drift.md"
    arguments = ["--stack", "hosts", "--json", str(result), "--markdown", str(body)]

    def settle(status: int) -> list[tuple[str, int]]:
        result.write_text(json.dumps({"stack": "hosts", "status": status}))
        body.write_text(f"<!-- plumbline drift: hosts -->\n{status}\n")
        assert drift_issue.main(arguments, environment(there, site)) == 0
        return [(one.state, one.edits) for one in there.issues]

    # Clean, failed and not read open none.
    assert [settle(status) for status in (0, 1, 3)] == [[], [], []]
    assert settle(2) == [("open", 0)]
    assert settle(2) == [("open", 1)]
    assert settle(3) == [("open", 2)]
    assert settle(0) == [("closed", 2)]
    assert settle(2) == [("closed", 2), ("open", 0)]


def test_check_without_a_result_is_an_error(tmp_path: Path, there: Forge, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--stack", "hosts", "--json", str(tmp_path / "none"), "--markdown", str(tmp_path / "none")]
    assert drift_issue.main(arguments, environment(there, "github")) == 1
    assert capsys.readouterr().err.startswith("plumbline: the check left no result: ")


@pytest.mark.parametrize("module", ["ci.comment", "ci.drift_issue"])
def test_command_needs_the_standard_library_only(module: str) -> None:
    done = subprocess.run([sys.executable, "-S", "-m", module, "--help"], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0
