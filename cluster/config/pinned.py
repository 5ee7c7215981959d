"""Files by URL and sha256: each is downloaded once, and kept in the user's cache by its checksum."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

SECONDS = 30
MOST_BYTES = 32 * 1024 * 1024


class Unavailable(Exception):
    """The file cannot be downloaded."""


class OtherChecksum(Unavailable):
    """The file has another checksum."""


def folder() -> Path:
    """The folder of the cache: below PLUMBLINE_CACHE, else in the user's cache folder."""
    if named := os.environ.get("PLUMBLINE_CACHE"):
        return Path(named).absolute() / "manifests"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "plumbline" / "manifests"


def content(url: str, sha256: str) -> bytes:
    """The file of this checksum, from the cache or from `url`. Raises Unavailable."""
    kept = folder() / sha256
    try:
        known = kept.read_bytes()
    except OSError:
        known = b""
    if hashlib.sha256(known).hexdigest() == sha256:
        return known
    found = _download(url)
    if (sum_ := hashlib.sha256(found).hexdigest()) != sha256:
        raise OtherChecksum(f"has another checksum: the file at {url} has {sum_}")
    try:
        _keep(kept, found)
    except OSError as error:
        raise Unavailable(f"cannot be kept in {kept.parent}: {error.strerror}") from None
    return found


def _download(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            found: bytes = answer.read(MOST_BYTES + 1)
    except urllib.error.HTTPError as error:
        raise Unavailable(f"cannot be downloaded from {url}: HTTP status {error.code}") from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise Unavailable(f"cannot be downloaded from {url}: {reason}") from None
    if len(found) > MOST_BYTES:
        raise Unavailable(f"cannot be downloaded from {url}: it has more than {MOST_BYTES // 1024 // 1024} MiB")
    return found


def _keep(target: Path, found: bytes) -> None:
    """Writes the file at once or not at all: two runs may do so at the same time."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, staged = tempfile.mkstemp(dir=target.parent, prefix=".partial-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(found)
        Path(staged).replace(target)
    finally:
        Path(staged).unlink(missing_ok=True)
