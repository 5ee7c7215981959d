"""The report as JSON, and back. docs/reference/report.md is generated from the same records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nodestate import from_wire, to_wire
from report.model import VERSION, Report


class OtherVersion(ValueError):
    """The data is no report of this version."""


def to_json(report: Report) -> str:
    """The report as JSON. A key whose value is empty, false or the default is left out."""
    return json.dumps(without_empty(to_wire(report)), indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> Report:
    """The report that `to_json` wrote. Raises OtherVersion."""
    data = json.loads(text)
    version = data.get("version") if isinstance(data, Mapping) else None
    if version != VERSION:
        raise OtherVersion(f"this is no report of version {VERSION}: its version is {version}")
    return from_wire(Report, data)


def without_empty(value: Any) -> Any:
    """The data without empty texts."""
    if isinstance(value, Mapping):
        return {key: without_empty(one) for key, one in value.items() if one != ""}
    if isinstance(value, list):
        return [without_empty(one) for one in value]
    return value
