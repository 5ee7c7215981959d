"""Requests to the API, and what an error says."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator

import pytest

from ci.forge import GitHub, GitLab, NotInPipeline, forge
from ci.http import Api, ApiError
from tests.engine.workflows.forge import PROJECT, REPOSITORY, Comment, Forge, serving

TOKEN = "t0ken-of-a-job"


@pytest.fixture
def there() -> Iterator[Forge]:
    """The stand-in for the API."""
    with serving(Forge(TOKEN)) as served:
        yield served


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


def github(there: Forge, token: str = TOKEN) -> GitHub:
    found = forge({"GITHUB_REPOSITORY": REPOSITORY, "GITHUB_API_URL": there.url, "PLUMBLINE_TOKEN": token})
    assert isinstance(found, GitHub)
    return found


def gitlab(there: Forge, token: str = TOKEN) -> GitLab:
    found = forge({"CI_PROJECT_ID": PROJECT, "CI_API_V4_URL": there.url, "PLUMBLINE_TOKEN": token})
    assert isinstance(found, GitLab)
    return found


def test_all_pages_are_read(there: Forge) -> None:
    there.comments += [Comment(number, 1, "x", f"text {number}") for number in range(250)]
    for one in (github(there), gitlab(there)):
        assert [note.body for note in one.notes(1)] == [f"text {number}" for number in range(250)]
    assert len(there.requests) == 6


def test_wrong_token_is_named_but_not_shown(there: Forge) -> None:
    with pytest.raises(ApiError) as raised:
        github(there, "wr0ng").add_note(1, "text")
    said = str(raised.value)
    assert said.startswith("GitHub answers 401 to POST /repos/operator/cluster/issues/1/comments: Bad credentials: ")
    assert "the token is wrong or has expired" in said
    assert "wr0ng" not in said + repr(github(there, "wr0ng")._api)
    assert "\n" not in said


def test_missing_thing_says_what_the_token_needs(there: Forge) -> None:
    with pytest.raises(ApiError, match=r"404 .*pull-requests: write"):
        github(there)._api.send("GET", "/repos/other/thing")
    with pytest.raises(ApiError, match=r"404 .*scope `api`"):
        gitlab(there)._api.send("GET", "/nothing")


def test_broken_answer_is_asked_again_but_nothing_is_made_twice(there: Forge) -> None:
    there.comments.append(Comment(1, 1, "x", "text"))
    there.broken = 2
    assert len(list(github(there).notes(1))) == 1
    there.broken = 1
    with pytest.raises(ApiError, match="GitHub answers 502 to POST"):
        github(there).add_note(1, "second")
    assert len(there.comments) == 1


def test_silent_address_is_named() -> None:
    with pytest.raises(ApiError, match=r"X does not answer GET /a at http://127\.0\.0\.1:9"):
        Api("X", "http://127.0.0.1:9", {}, "").send("GET", "/a")


def test_token_does_not_follow_a_redirect(there: Forge) -> None:
    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"{there.url}/user")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.handle_request, daemon=True).start()
    with pytest.raises(ApiError, match="answers 302"):
        Api("X", f"http://127.0.0.1:{server.server_port}", {"PRIVATE-TOKEN": TOKEN}, "").send("GET", "/user")
    server.server_close()
    assert there.requests == []


def test_environment_that_is_none_of_a_job_says_so() -> None:
    with pytest.raises(NotInPipeline, match="set PLUMBLINE_TOKEN"):
        forge({"GITHUB_REPOSITORY": "a/b"})
    with pytest.raises(NotInPipeline, match="GITHUB_API_URL is not set"):
        forge({"GITHUB_REPOSITORY": "a/b", "PLUMBLINE_TOKEN": "x"})
    with pytest.raises(NotInPipeline, match="CI_PROJECT_ID is not set: run this in a job"):
        forge({"PLUMBLINE_TOKEN": "x"})
