"""Every section of the schema and every key of the configuration is documented."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[4]


def test_every_section_is_described_and_documented() -> None:
    schema = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    text = (ROOT / "docs/configuration.md").read_text()
    for key, section in schema.items():
        assert section["description"], key
        assert f"## {key}\n" in text, f"{key} is not documented"


def test_every_key_that_is_read_is_documented() -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    pattern = re.compile(r'\.(?:text|choice|integer|boolean|mapping|texts|object)\(\s*"([A-Za-z0-9]+)"')
    keys = {key for file in (ROOT / "cluster").rglob("*.py") for key in pattern.findall(file.read_text())}
    assert len(keys) > 40, "the pattern finds the keys"
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", text)] == []


def test_the_stacks_use_no_other_sections() -> None:
    schema = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    for file in ROOT.glob("Pulumi.*.yaml"):
        for key in yaml.safe_load(file.read_text())["config"]:
            assert key.removeprefix("plumbline:") in schema, (file.name, key)
