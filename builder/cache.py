"""The build cache: each entry is written completely or not at all, and built by one process at a time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.log import log

_KEY_LENGTH = 16


def root() -> Path:
    """Return the cache folder: PLUMBLINE_CACHE, else `plumbline` in the user's cache folder."""
    if named := os.environ.get("PLUMBLINE_CACHE"):
        return Path(named).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "plumbline"


def cached(entry: str, make: Callable[[Path], None], *, folder: bool = True) -> Path:
    """Return the cache entry at this path below root(), and call `make` to create it if it is missing.

    `make` gets a temporary path that becomes the entry when it returns: an empty folder or, with folder=False, a path
    at which it writes a file. If it raises, nothing is kept. Other processes that want the entry wait.
    """
    target = root() / entry
    if target.exists():
        return target
    with locked(target.parent / ".lock"):
        if not target.exists():
            staged = target.with_name(f".partial-{target.name}")
            _remove(staged)
            if folder:
                staged.mkdir()
            try:
                make(staged)
                staged.rename(target)
            finally:
                _remove(staged)
    return target


def digest(*inputs: bytes | str) -> str:
    """Return a short key of everything that an entry is built from."""
    summed = hashlib.sha256()
    for item in inputs:
        content = item.encode() if isinstance(item, str) else item
        summed.update(f"{len(content)}:".encode() + content)
    return summed.hexdigest()[:_KEY_LENGTH]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file. Log and wait if another process holds it; the kernel releases it when its process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log(f"waiting for another process that holds {path}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
