"""The stack's configuration as the program reads it from the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime.config import CONFIG, set_all_config

from components.settings import load_config, stack_values
from nodestate import Secret
from tests import clusters


@pytest.fixture(autouse=True)
def configuration() -> Iterator[None]:
    """Leaves Pulumi's configuration as it was."""
    before = CONFIG.get()
    yield
    set_all_config(before, [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"maxPods": 7, "on": true}', {"maxPods": 7, "on": True}),
        ('["a", 1]', ["a", 1]),
        ("1e3", "1e3"),
        ("null", "null"),
        ("{not JSON", "{not JSON"),
    ],
)
def test_stack_values_parses_objects_and_lists_only(text: str, value: Any) -> None:
    set_all_config({"plumbline:kubelet": text, "other:kubelet": "x"}, ["plumbline:kubelet"])
    assert stack_values("plumbline") == {"kubelet": value}


def test_load_config_ends_the_program_with_every_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi, "get_project", lambda: "plumbline")
    monkeypatch.setattr(pulumi, "get_stack", lambda: "trial")
    set_all_config(
        {"plumbline:cluster": json.dumps({"name": "proof"}), "plumbline:netwrok": "{}", "plumbline:etcd": "fast"}
    )
    with pytest.raises(pulumi.RunError) as raised:
        load_config(tmp_path)
    assert str(raised.value).splitlines() == [
        "stack trial: 4 errors in the configuration:",
        "  - machines.source: is missing: one of libvirt, existing",
        "  - nodes: is missing: at least one node with role control-plane",
        "  - etcd: is text, not an object",
        "  - netwrok: is not a known key; did you mean network?",
    ]


def test_load_config_keeps_config_secrets_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine marks the whole key; the stack file tells which values in it are secrets."""
    monkeypatch.setattr(pulumi, "get_project", lambda: "plumbline")
    monkeypatch.setattr(pulumi, "get_stack", lambda: "trial")
    files = {"/etc/a": {"content": "hunter2"}, "/etc/b": {"content": "plain"}}
    values = {**clusters.values(), "site": {"files": files}}
    clusters.load(tmp_path)
    (tmp_path / "Pulumi.trial.yaml").write_text(
        "config: {'plumbline:site': {files: {/etc/a: {content: {secure: v1:x}}, /etc/b: {content: plain}}}}\n"
    )
    set_all_config({f"plumbline:{key}": json.dumps(value) for key, value in values.items()}, ["plumbline:site"])
    found = load_config(tmp_path).nodes[0].site.files
    assert [entry and entry.content for entry in found.values()] == [Secret("hunter2"), "plain"]


def test_load_config_refuses_what_the_program_owns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi, "get_project", lambda: "plumbline")
    monkeypatch.setattr(pulumi, "get_stack", lambda: "trial")
    values = {**clusters.values(), "site": {"units": {"kubelet.service": {}}}}
    clusters.load(tmp_path)
    set_all_config({f"plumbline:{key}": json.dumps(value) for key, value in values.items()}, [])
    with pytest.raises(pulumi.RunError) as raised:
        load_config(tmp_path)
    assert str(raised.value).splitlines() == [
        "stack trial: 1 error in the configuration:",
        "  - site.units.kubelet.service: is the program's (component kubelet): choose another name",
    ]
