"""YAML that other programs read: each text stays text, by the rules of YAML 1.1 and of the YAML 1.2 core schema."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cluster.rendering import dump_yaml

OTHER_TYPES = {
    "null of 1.1 and 1.2": ["", "~", "null", "Null", "NULL"],
    "boolean of 1.2": ["true", "True", "TRUE", "false", "False", "FALSE"],
    "boolean of 1.1": ["yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF", "y", "Y", "n", "N"],
    "integer": ["0", "7", "-7", "+7", "08", "09", "007"],
    "integer with underscores of 1.1": ["1_000", "-1_0"],
    "integer of another base": ["0x1F", "0X1f", "-0x1F", "0o17", "+0o17", "0O17", "017", "0b11", "-0b11", "0B1", "0x_1", "0o1_7"],
    "integer of base 60 of 1.1": ["1:30", "190:20:30"],
    "float": ["1.5", "-1.5", ".5", "1.", "+.5"],
    "float with exponent": ["1e3", "1E3", "1e+3", "1e-3", "-1e3", "+1e3", ".5e3", "1.e3", "1.5e3", "1.5E+3", "08e1", "1_0e3"],
    "infinity and not a number": [".inf", "-.inf", "+.Inf", ".INF", ".nan", ".NaN", ".NAN"],
    "date of 1.1": ["2001-01-02", "2001-1-2", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43"],
    "merge and value keys of 1.1": ["<<", "="],
}  # fmt: skip
PLAIN = ["text", "v1.36", "1.2.3", "10.77.0.11", "10.2.0.0/16", "1e", "e3", "1e3s", "0x", "0o8", "0b2", "5m", "200m", "1Gi", "10%",
         "inf", "nan", "yesterday", "none", "nN", "+", ".", "a-1", "1-2", "2001-01", "127.0.0.1:2379", "/etc/kubernetes"]  # fmt: skip


@pytest.mark.parametrize("text", [pytest.param(text, id=f"{kind}: {text}") for kind in OTHER_TYPES for text in OTHER_TYPES[kind]])  # fmt: skip
def test_dump_yaml_quotes_text_that_reads_as_another_type(text: str) -> None:
    written = dump_yaml({"value": text, "list": [text]}, {text: "key"})
    assert f"value: '{text}'\n" in written
    assert f"- '{text}'\n" in written
    assert f"'{text}'" in written.partition("---\n")[2]
    assert list(yaml.safe_load_all(written)) == [{"value": text, "list": [text]}, {text: "key"}]


@pytest.mark.parametrize("text", PLAIN)
def test_dump_yaml_does_not_quote_other_text(text: str) -> None:
    assert dump_yaml({"value": text}) == f"value: {text}\n"


@pytest.mark.parametrize(
    ("value", "written"),
    [(7, "7"), (-7, "-7"), (1.5, "1.5"), (1e20, "1.0e+20"), (True, "true"), (None, "null")],
)
def test_dump_yaml_does_not_quote_other_types(value: Any, written: str) -> None:
    assert dump_yaml({"value": value}) == f"value: {written}\n"


def test_dump_yaml_writes_several_lines_as_a_block() -> None:
    assert dump_yaml({"value": "1e3\nyes\n"}) == "value: |\n  1e3\n  yes\n"
