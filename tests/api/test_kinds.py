"""The table of Kubernetes' own kinds against the API server's own answer; `--update-golden` writes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.config import api_kinds
from tests.api import server

TABLE = Path(api_kinds.__file__).with_suffix(".json")


def test_kinds_are_those_of_the_api_server(api: server.ApiServer, request: pytest.FixtureRequest) -> None:
    served = _served(api)
    text = json.dumps({scope: sorted(kinds) for scope, kinds in served.items()}, indent=2) + "\n"
    if request.config.getoption("--update-golden"):
        TABLE.write_text(text)
    assert TABLE.read_text() == text


def _served(api: server.ApiServer) -> dict[str, set[str]]:
    """The kinds that can be applied, each as `Kind.group`."""
    versions = [(one["name"], each["groupVersion"]) for one in api.get("/apis")["groups"] for each in one["versions"]]
    found: dict[str, set[str]] = {"namespaced": set(), "cluster": set()}
    for group, path in [("", "/api/v1"), *((group, f"/apis/{version}") for group, version in versions)]:
        for one in api.get(path)["resources"]:
            if "/" not in one["name"] and "patch" in one["verbs"]:
                name = f"{one['kind']}.{group}" if group else one["kind"]
                found["namespaced" if one["namespaced"] else "cluster"].add(name)
    return found
