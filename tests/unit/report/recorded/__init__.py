"""Event logs of a cluster of four container hosts, recorded with the engine and the provider, then reduced by
tests/tools/event_log.py. `<case>-update.jsonl` is the update that followed the preview."""

from __future__ import annotations

from pathlib import Path

from report.events import Stream, read
from report.happened import combined
from report.model import Report

HERE = Path(__file__).parent

OBJECT_CASES = ("objects", "objects-drift", "objects-created", "objects-deleted")
"""Of a stack without nodes of ours, on a real API server: another image, a changed and a deleted object, and drift apart from
them; drift alone; new sets; a set and a node that are gone."""

CASES = ("flag", "drift", "certificates", "roll", "create", "quiet", "notread", *OBJECT_CASES, "objects-notread")
"""One changed key of a kubelet; drift on two nodes; all certificates; another kubelet everywhere; a new cluster; no change;
a node that does not answer; objects on an API that does not."""

UPDATED = ("flag", "drift", "certificates", "roll", *OBJECT_CASES)
"""Cases with an update."""


def streams(name: str) -> list[Stream]:
    """The streams of one file."""
    return read((HERE / f"{name}.jsonl").read_text().splitlines())


def forecast(case: str) -> Report:
    """The report of a case's preview alone."""
    return combined(streams(f"{case}-preview"))


def recorded(case: str) -> Report:
    """The report of a case, with its update if there is one."""
    update = streams(f"{case}-update") if case in UPDATED else []
    return combined([*streams(f"{case}-preview"), *update])
