"""A stand-in for the parts of GitHub's and GitLab's API that ci/ uses, on loopback. It keeps what it is told."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

BOT = "github-actions[bot]"
GITLAB_BOT = "project_1_bot"
REPOSITORY = "operator/cluster"
PROJECT = "1"


@dataclass
class Comment:
    """A comment of a pull request, merge request or issue."""

    number: int
    on: int
    author: str
    body: str
    edits: int = 0


@dataclass
class Issue:
    """An issue."""

    number: int
    author: str
    title: str
    body: str
    state: str = "open"
    edits: int = 0


@dataclass
class Forge:
    """The state of the stand-in. Only requests with this token are answered."""

    token: str
    url: str = ""
    comments: list[Comment] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    broken: int = 0
    """The number of the next requests that are answered with 502."""

    def text(self) -> str:
        """All bodies."""
        return json.dumps([[one.body for one in self.comments], [(one.title, one.body) for one in self.issues]])

    def answer(self, method: str, path: str, query: dict[str, list[str]], data: dict[str, Any]) -> tuple[int, Any]:
        """The status and the data of an answer."""
        if path.startswith(f"/repos/{REPOSITORY}/"):
            return self._github(method, path.removeprefix(f"/repos/{REPOSITORY}"), query, data)
        if path == "/user":
            return 200, {"username": GITLAB_BOT}
        if path.startswith(f"/projects/{PROJECT}/"):
            return self._gitlab(method, path.removeprefix(f"/projects/{PROJECT}"), query, data)
        return 404, {"message": "Not Found"}

    def _github(self, method: str, path: str, query: dict[str, list[str]], data: dict[str, Any]) -> tuple[int, Any]:
        if len(data.get("body", "")) > 65_536:
            return 422, {"message": "body is too long (maximum is 65536 characters)"}
        if match := re.fullmatch(r"/issues/(\d+)/comments", path):
            return self._comments(method, int(match[1]), BOT, data, lambda one: _as_github(one.number, one))
        if (match := re.fullmatch(r"/issues/comments/(\d+)", path)) and method == "PATCH":
            return self._edit(int(match[1]), data)
        if path == "/pulls" and method == "GET":
            owner, _, branch = query["head"][0].partition(":")
            found = (one for one in self.pulls if one["head"]["repo"]["full_name"].startswith(f"{owner}/"))
            return 200, [one for one in found if one["head"]["ref"] == branch]
        return self._issues(
            method, path, BOT, data, {"state": "closed"}, "body", lambda one: _as_github(one.number, one)
        )

    def _gitlab(self, method: str, path: str, query: dict[str, list[str]], data: dict[str, Any]) -> tuple[int, Any]:
        if match := re.fullmatch(r"/(?:merge_requests|issues)/(\d+)/notes", path):
            return self._comments(method, int(match[1]), GITLAB_BOT, data, _note_as_gitlab)
        if (match := re.fullmatch(r"/merge_requests/\d+/notes/(\d+)", path)) and method == "PUT":
            return self._edit(int(match[1]), data)
        closing = {"state_event": "close"}
        return self._issues(method, path, GITLAB_BOT, data, closing, "description", _issue_as_gitlab)

    def _comments(self, method: str, on: int, author: str, data: dict[str, Any], shown: Any) -> tuple[int, Any]:
        if method == "POST":
            self.comments.append(Comment(len(self.comments) + 101, on, author, data["body"]))
            return 201, {}
        return 200, [shown(one) for one in self.comments if one.on == on]

    def _edit(self, number: int, data: dict[str, Any]) -> tuple[int, Any]:
        [found] = [one for one in self.comments if one.number == number]
        found.body, found.edits = data["body"], found.edits + 1
        return 200, {}

    def _issues(
        self, method: str, path: str, author: str, data: dict[str, Any], closing: dict[str, str], body: str, shown: Any
    ) -> tuple[int, Any]:
        if path == "/issues" and method == "POST":
            self.issues.append(Issue(len(self.issues) + 1, author, data["title"], data[body]))
            return 201, {}
        if path == "/issues":
            return 200, [shown(one) for one in self.issues if one.state == "open"]
        if match := re.fullmatch(r"/issues/(\d+)", path):
            [found] = [one for one in self.issues if one.number == int(match[1])]
            if data == closing:
                found.state = "closed"
            else:
                found.body, found.edits = data[body], found.edits + 1
            return 200, {}
        return 404, {"message": "Not Found"}


def _as_github(number: int, one: Comment | Issue) -> dict[str, Any]:
    key = "id" if isinstance(one, Comment) else "number"
    return {key: number, "user": {"login": one.author}, "body": one.body}


def _note_as_gitlab(one: Comment) -> dict[str, Any]:
    return {"id": one.number, "author": {"username": one.author}, "body": one.body}


def _issue_as_gitlab(one: Issue) -> dict[str, Any]:
    return {"iid": one.number, "author": {"username": one.author}, "description": one.body}


@contextmanager
def serving(forge: Forge) -> Iterator[Forge]:
    """Serves on a free port of the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            forge.requests.append(f"{self.command} {parts.path}")
            forge.headers.append(dict(self.headers))
            given = (self.headers.get("Authorization", "").removeprefix("Bearer "), self.headers.get("PRIVATE-TOKEN"))
            data: Any
            if forge.token not in given:
                status, data = 401, {"message": "Bad credentials"}
            elif forge.broken:
                forge.broken -= 1
                status, data = 502, {}
            else:
                query = parse_qs(parts.query)
                status, data = forge.answer(self.command, parts.path, query, json.loads(body or b"{}"))
                if isinstance(data, list):
                    size = int(query["per_page"][0])
                    start = (int(query["page"][0]) - 1) * size
                    data = data[start : start + size]
            printed = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(printed)))
            self.end_headers()
            self.wfile.write(printed)

        do_GET = do_POST = do_PATCH = do_PUT = _serve

        def log_message(self, *_: Any) -> None:
            """Keeps the log of the test short."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    forge.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
