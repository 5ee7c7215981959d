"""The files that are generated from the declared keys: reference page, JSON Schema and the sections of Pulumi.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.config import reference
from cluster.config.declare import is_section, keys
from cluster.config.json_schema import schema
from cluster.config.tree import SECTIONS

ROOT = Path(__file__).resolve().parents[4]
RULES = schema()
STACKS = sorted(ROOT.glob("Pulumi.*.yaml"))


def test_generated_files_match_the_declarations() -> None:
    assert reference.stale() == [], f"run `{reference.COMMAND}`"


def test_stale_names_an_outdated_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "page", lambda: "another page")
    assert reference.stale() == [reference.PAGE]


@pytest.mark.parametrize("path", SECTIONS)
def test_reference_has_a_row_with_a_meaning_for_each_key(path: str) -> None:
    heading = path.replace("<", "&lt;")
    [section] = [
        part for part in re.split(r"^#+ ", reference.page(), flags=re.MULTILINE) if part.startswith(f"{heading}\n")
    ]
    for key in keys(SECTIONS[path]):
        assert key.doc.endswith("."), f"{path}.{key.name}"
        assert is_section(key.type) or f"| `{key.name}` |" in section, f"{path}.{key.name}"


@pytest.mark.parametrize("file", STACKS, ids=lambda file: file.name)
def test_schema_accepts_the_stacks(file: Path) -> None:
    stack = yaml.safe_load(file.read_text())
    assert list(_violations(RULES, stack, "")) == []
    assert file.read_text().startswith(f"# yaml-language-server: $schema={reference.SCHEMA}\n")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"plumbline:etcd": {"quotas": 1}}, "/config/plumbline:etcd/quotas"),
        ({"plumbline:etcd": {"quota": 1}}, "/config/plumbline:etcd/quota"),
        ({"plumbline:network": {"cni": "bridge"}}, "/config/plumbline:network/cni"),
        ({"plumbline:cluster": {"name": "Big"}}, "/config/plumbline:cluster/name"),
        ({"plumbline:cluster": {}}, "/config/plumbline:cluster/name"),
        ({"plumbline:nodes": {"m1": {"adress": "10.0.0.1"}}}, "/config/plumbline:nodes/m1/adress"),
        ({"plumbline:machines": {"source": "libvirt", "libvirt": {}}}, "/config/plumbline:machines/libvirt/os"),
        ({"plumbline:kubelet": {"maxPods": "9"}}, "/config/plumbline:kubelet/maxPods"),
        ({"plumbline:kubelet": {"clusterDNS": []}}, "/config/plumbline:kubelet/clusterDNS"),
    ],
)
def test_schema_refuses(change: dict[str, Any], where: str) -> None:
    stack = yaml.safe_load((ROOT / "Pulumi.production.yaml").read_text())
    stack["config"] |= change
    assert where in list(_violations(RULES, stack, ""))


def _violations(rule: dict[str, Any], value: Any, path: str) -> Iterator[str]:
    """The paths of values that the JSON Schema refuses. Supports only the keywords that the schema uses."""
    if "$ref" in rule:
        rule = RULES["definitions"][rule["$ref"].rpartition("/")[2]]
    if "anyOf" in rule:
        if all(list(_violations(one, value, path)) for one in rule["anyOf"]):
            yield path
        return
    kinds: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
    }
    named = rule.get("type", [])
    wanted = [named] if isinstance(named, str) else named
    fits = any(value is None if one == "null" else isinstance(value, kinds[one]) for one in wanted)
    if (wanted and not fits) or (isinstance(value, bool) and wanted and "boolean" not in wanted):
        yield path
        return
    if "enum" in rule and value not in rule["enum"]:
        yield path
    if isinstance(value, str) and not re.search(rule.get("pattern", ""), value):
        yield path
    if isinstance(value, int) and not rule.get("minimum", value) <= value <= rule.get("maximum", value):
        yield path
    for index, one in enumerate(value if isinstance(value, list) else []):
        yield from _violations(rule.get("items", {}), one, f"{path}/{index}")
    if not isinstance(value, dict):
        return
    yield from (f"{path}/{key}" for key in rule.get("required", []) if key not in value)
    others = rule.get("additionalProperties", True)
    for key, one in value.items():
        below = rule.get("properties", {}).get(key, others)
        if below is False:
            yield f"{path}/{key}"
        elif isinstance(below, dict):
            yield from _violations(below, one, f"{path}/{key}")
