"""The policy section: the budget of a plan."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from cluster.config.declare import Check, key

_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_DAYS = rf"{_DAY}(?:-{_DAY})?"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
WINDOW = rf"(?:{_DAYS}(?:,{_DAYS})* )?{_TIME}-(?:{_TIME}|24:00)"
MANAGER = r"[\x21-\x7e]{1,128}"
UNIT = r"[A-Za-z0-9:_.@\\-]+"


def _matching(pattern: str, form: str) -> Check:
    compiled = re.compile(pattern)
    return Check(form, lambda value: None if compiled.fullmatch(value) else f"'{value}' is not {form}")


def _accepted(name: str, value: str) -> str | None:
    """The error of an entry of accepted drift."""
    place, _, subject = name.partition(":")
    if not (place and subject):
        return "is not <node>:<path, unit or probe> or <set>:<object>, such as w1:/etc/hosts"
    day, _, reason = value.partition(" ")
    try:
        date.fromisoformat(day)
    except ValueError:
        return f"'{value}' does not begin with a day, such as 2026-12-31"
    return None if reason.strip() else f"'{value}' gives no reason after the day"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The budget of a plan. `make preview`, `make plan` and `make up` fail if it is exceeded, before anything is changed,
    and name each excess; `make up BUDGET=override` goes on all the same. Plain `pulumi` commands are not held to it."""

    max_restarts: int | None = key(None, 0, 100_000, doc="Restarts and stops of units on all nodes together.")
    no_restart: tuple[str, ...] = key(
        (),
        check=_matching(UNIT, "a unit's name, such as etcd or etcd.service"),
        doc="Units that no plan may restart or stop.",
        example="[etcd, kube-apiserver]",
    )
    accepted_drift: Mapping[str, str] = key(
        {},
        each=_accepted,
        doc="Drift that `make drift` does not report, by `<node>:<path, unit or probe>` (node `*`: all nodes) or "
        "`<set>:<object>`: the last day, and the reason.",
        example='{"w1:/etc/hosts": "2026-12-31 the vendor measures latency"}',
    )
    windows: tuple[str, ...] = key(
        (),
        check=_matching(WINDOW, "a window in UTC, such as 22:00-04:00 or Mon-Fri 22:00-04:00"),
        doc="When units may be restarted or stopped, in UTC. Not set: at any time.",
        example='["Mon-Fri 22:00-04:00", "Sat,Sun 00:00-24:00"]',
    )
    take_fields_from: tuple[str, ...] = key(
        (),
        check=_matching(MANAGER, "the name of a field manager, such as helm"),
        doc="Field managers of the API from which `up` takes fields of this program's objects, if they have changed one. Changes by "
        "kubectl are repaired without it; a field that any other manager has is named, and left to it.",
        example="[argocd-controller]",
    )
