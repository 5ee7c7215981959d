"""Progress messages on standard error: standard output is for results."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

INTERVAL = 20.0
"""Seconds between two messages about a step that is still running."""


class Progress:
    """A running step. Set `detail` to add a text to its messages, such as "12 packages compiled"."""

    detail: str = ""


def log(text: str) -> None:
    """Print one line."""
    print(f"plumbline: {text}", file=sys.stderr, flush=True)


@contextmanager
def progress(step: str) -> Iterator[Progress]:
    """Log the start of a step, every INTERVAL seconds that it is still running, and how long it took if it succeeds."""
    log(f"{step} ...")
    begun, finished, shown = time.monotonic(), threading.Event(), Progress()

    def report() -> None:
        while not finished.wait(INTERVAL):
            detail = f", {shown.detail}" if shown.detail else ""
            log(f"{step} ... {time.monotonic() - begun:.0f} s{detail}")

    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    try:
        yield shown
    finally:
        finished.set()
        reporter.join()
    log(f"{step}: done in {time.monotonic() - begun:.0f} s")
