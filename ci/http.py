"""Requests to the API of GitHub or GitLab, with the standard library only. The token is in a header and in no message."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

SECONDS = 30
TRIES = 3
PAUSE_SECONDS = 2.0
PER_PAGE = 100
MOST_PAGES = 50
RETRIED = (502, 503, 504)

ADVICE = {
    401: "the token is wrong or has expired",
    403: "the token may not do that: {grants}",
    404: "there is no such thing, or the token cannot see it: {grants}",
    410: "issues are switched off in this repository",
    413: "the text is too long",
    429: "too many requests: run the job again later",
}


class ApiError(Exception):
    """The API refused a request or cannot be reached: one line that says what to do."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


@dataclass(frozen=True)
class Api:
    """An API by its address. `headers` hold the token; `grants` says what the token needs to be allowed."""

    name: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    grants: str
    pause: float = PAUSE_SECONDS

    def send(self, method: str, path: str, data: Mapping[str, Any] | None = None) -> Any:
        """The answer as data. Raises ApiError. A request that creates something is sent once only."""
        body = None if data is None else json.dumps(data).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "plumbline", **self.headers}
        request = urllib.request.Request(self.url.rstrip("/") + path, body, headers, method=method)
        opener = urllib.request.build_opener(_NoRedirects)
        for left in reversed(range(1 if method == "POST" else TRIES)):
            try:
                with opener.open(request, timeout=SECONDS) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                if not (left and error.code in RETRIED):
                    raise ApiError(self._refused(method, path, error)) from None
            except (OSError, ValueError) as error:
                if not left:
                    reason = getattr(error, "reason", error)
                    raise ApiError(f"{self.name} does not answer {method} {path} at {self.url}: {reason}") from None
            time.sleep(self.pause)
        raise AssertionError("not reached")

    def pages(self, path: str) -> Iterator[Any]:
        """The items of a list, page by page. Raises ApiError."""
        for page in range(1, MOST_PAGES + 1):
            joined = "&" if "?" in path else "?"
            found = self.send("GET", f"{path}{joined}per_page={PER_PAGE}&page={page}")
            yield from found
            if len(found) < PER_PAGE:
                return

    def _refused(self, method: str, path: str, error: urllib.error.HTTPError) -> str:
        advice = ADVICE.get(error.code, "").format(grants=self.grants)
        told = [f"{self.name} answers {error.code} to {method} {path}", _message(error), advice]
        return ": ".join(one for one in told if one)


def _message(error: urllib.error.HTTPError) -> str:
    """The reason in the answer, in one line."""
    try:
        data = json.loads(error.read())
        found = data.get("message") or data.get("error") or ""
    except (OSError, ValueError, AttributeError):
        return ""
    return " ".join(str(found).split())[:200]
