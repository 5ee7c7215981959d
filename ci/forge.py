"""GitHub and GitLab as a pipeline sees them: comments of a pull request, issues, and the environment of a job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from ci.http import Api

TOKEN = "PLUMBLINE_TOKEN"
"""The variable with the token."""

AUTHOR = "PLUMBLINE_AUTHOR"
"""The variable with the name of the account that writes on GitHub, if it is not that of the job's own token."""

GITHUB_AUTHOR = "github-actions[bot]"


class NotInPipeline(Exception):
    """The environment is not that of a job, or lacks the token."""


@dataclass(frozen=True)
class Note:
    """A comment or an issue."""

    number: int
    author: str
    body: str


class Forge(Protocol):
    """GitHub or GitLab. `most` is the limit of a body in characters, `author` the account that writes. Raises ApiError."""

    most: int
    page: str
    """The address of this run."""

    @property
    def author(self) -> str: ...

    def notes(self, change: int) -> Iterable[Note]: ...

    def add_note(self, change: int, body: str) -> None: ...

    def edit_note(self, change: int, number: int, body: str) -> None: ...

    def issues(self) -> Iterable[Note]: ...

    def open_issue(self, title: str, body: str) -> None: ...

    def edit_issue(self, number: int, body: str) -> None: ...

    def close_issue(self, number: int, comment: str) -> None: ...


class GitHub:
    """The repository of a job of GitHub Actions."""

    most = 65_536

    def __init__(self, environment: Mapping[str, str], token: str) -> None:
        repository = environment["GITHUB_REPOSITORY"]
        self.author = environment.get(AUTHOR) or GITHUB_AUTHOR
        self.page = f"{environment.get('GITHUB_SERVER_URL', '')}/{repository}/actions/runs/{environment.get('GITHUB_RUN_ID', '')}"
        self._root = f"/repos/{repository}"
        self._api = Api(
            "GitHub",
            environment["GITHUB_API_URL"],
            {
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
            "give the job `permissions:` with `pull-requests: write` for a comment, `issues: write` for an issue",
        )

    def notes(self, change: int) -> Iterable[Note]:
        return map(_github, self._api.pages(f"{self._root}/issues/{change}/comments"))

    def add_note(self, change: int, body: str) -> None:
        self._api.send("POST", f"{self._root}/issues/{change}/comments", {"body": body})

    def edit_note(self, change: int, number: int, body: str) -> None:
        self._api.send("PATCH", f"{self._root}/issues/comments/{number}", {"body": body})

    def issues(self) -> Iterable[Note]:
        found = self._api.pages(f"{self._root}/issues?state=open")
        return (_github(one, "number") for one in found if "pull_request" not in one)

    def open_issue(self, title: str, body: str) -> None:
        self._api.send("POST", f"{self._root}/issues", {"title": title, "body": body})

    def edit_issue(self, number: int, body: str) -> None:
        self._api.send("PATCH", f"{self._root}/issues/{number}", {"body": body})

    def close_issue(self, number: int, comment: str) -> None:
        self.add_note(number, comment)
        self._api.send("PATCH", f"{self._root}/issues/{number}", {"state": "closed"})

    def changes_from(self, repository: str, branch: str, commit: str) -> list[int]:
        """The open pull requests from a branch of a fork, if the branch is still at this commit."""
        owner = repository.partition("/")[0]
        found = self._api.pages(f"{self._root}/pulls?state=open&head={quote(f'{owner}:{branch}', safe='')}")
        return [
            int(one["number"])
            for one in found
            if one["head"]["sha"] == commit and (one["head"].get("repo") or {}).get("full_name") == repository
        ]


class GitLab:
    """The project of a job of GitLab CI."""

    most = 1_000_000

    def __init__(self, environment: Mapping[str, str], token: str) -> None:
        self.page = environment.get("CI_JOB_URL", "")
        self._root = f"/projects/{environment['CI_PROJECT_ID']}"
        self._api = Api(
            "GitLab",
            environment["CI_API_V4_URL"],
            {"PRIVATE-TOKEN": token},
            f"{TOKEN} needs the scope `api` and the role Reporter or higher",
        )

    @property
    def author(self) -> str:
        return str(self._api.send("GET", "/user")["username"])

    def notes(self, change: int) -> Iterable[Note]:
        return map(_gitlab, self._api.pages(f"{self._root}/merge_requests/{change}/notes?sort=asc"))

    def add_note(self, change: int, body: str) -> None:
        self._api.send("POST", f"{self._root}/merge_requests/{change}/notes", {"body": body})

    def edit_note(self, change: int, number: int, body: str) -> None:
        self._api.send("PUT", f"{self._root}/merge_requests/{change}/notes/{number}", {"body": body})

    def issues(self) -> Iterable[Note]:
        return (_gitlab(one, "iid", "description") for one in self._api.pages(f"{self._root}/issues?state=opened"))

    def open_issue(self, title: str, body: str) -> None:
        self._api.send("POST", f"{self._root}/issues", {"title": title, "description": body})

    def edit_issue(self, number: int, body: str) -> None:
        self._api.send("PUT", f"{self._root}/issues/{number}", {"description": body})

    def close_issue(self, number: int, comment: str) -> None:
        self._api.send("POST", f"{self._root}/issues/{number}/notes", {"body": comment})
        self._api.send("PUT", f"{self._root}/issues/{number}", {"state_event": "close"})


def _github(one: Mapping[str, Any], number: str = "id") -> Note:
    # The account of a comment may be gone.
    return Note(int(one[number]), (one.get("user") or {}).get("login", ""), one.get("body") or "")


def _gitlab(one: Mapping[str, Any], number: str = "id", body: str = "body") -> Note:
    return Note(int(one[number]), (one.get("author") or {}).get("username", ""), one.get(body) or "")


def forge(environment: Mapping[str, str]) -> GitHub | GitLab:
    """The forge of this job. Raises NotInPipeline."""
    token = environment.get(TOKEN, "").strip()
    try:
        if not token:
            raise NotInPipeline(f"set {TOKEN} to a token that may write comments and issues")
        if "GITHUB_REPOSITORY" in environment:
            return GitHub(environment, token)
        return GitLab(environment, token)
    except KeyError as missing:
        raise NotInPipeline(f"{missing.args[0]} is not set: run this in a job of GitHub Actions or GitLab CI") from None
