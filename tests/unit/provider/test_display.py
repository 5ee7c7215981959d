"""Marks of texts between provider and engine."""

from __future__ import annotations

import pytest
import yaml
from pulumi.provider.experimental.property_value import PropertyValue

from cluster.plan import plan
from cluster.step import NodeStateStep
from nodestate import UNKNOWN, Secret
from nodestate.vocabulary import AS_TEXT, as_text, without_mark
from provider import values
from provider.display import marked, marked_like, received
from provider.values import sent
from tests.unit.cluster.graph.samples import cluster

DATA = (
    "a: 1\nb: 2\n",
    "# why\n\na:\n  b: 1\n",
    "---\na: 1\n",
    "- a\n- b\n",
    "-\n  a: 1\n",
    '{\n  "a": 1\n}\n',
    "[\n  1\n]\n",
    '"a": 1\nb: 2\n',
    "a: 1\r\nb: 2\r\n",
    "@text\n",
)
TEXT = (
    "[Unit]\nAfter=a.service\n",
    "#!/bin/sh\nset -e\n",
    "127.0.0.1 localhost\n",
    "a = 1\nb = 2\n",
    "a: 1\n",
    "",
    "{}",
)


@pytest.mark.parametrize("text", DATA)
def test_data_gets_a_mark(text: str) -> None:
    assert as_text(text) == f"@text\n{text}"
    assert without_mark(as_text(text)) == text
    with pytest.raises(yaml.YAMLError):
        yaml.safe_load(as_text(text))


@pytest.mark.parametrize("text", TEXT)
def test_other_text_gets_none(text: str) -> None:
    assert as_text(text) == text


def test_all_data_of_the_program_gets_a_mark() -> None:
    texts = {
        path: file.content
        for step in plan(cluster()).steps
        if isinstance(step, NodeStateStep)
        for path, file in step.state.files.items()
        if isinstance(file.content, str)
    }
    marked_paths = {path for path, text in texts.items() if as_text(text) != text}
    assert marked_paths == {path for path, text in texts.items() if _is_data(text)}
    assert "/etc/kubernetes/kubelet.yaml" in marked_paths


def _is_data(text: str) -> bool:
    try:
        return isinstance(yaml.safe_load(text), dict | list)
    except yaml.YAMLError:
        return False


def test_marks_are_added_and_taken_away() -> None:
    files = {
        "/data": {"content": "a: 1\nb: 2\n", "mode": "0644"},
        "/text": {"content": "one\ntwo\n"},
        "/secret": {"content": Secret("a: 1\nb: 2\n")},
        "/later": {"content": UNKNOWN},
        "/download": {"source": {"url": "http://x"}},
        "/gone": UNKNOWN,
    }
    inputs = {"files": sent(files), "node": sent("w1"), "preStart": sent("a: 1\nb: 2\n")}
    shown = marked(inputs)
    assert values.received(shown)["files"]["/data"]["content"] == "@text\na: 1\nb: 2\n"
    assert received(shown) == received(inputs) == {"files": files, "node": "w1", "preStart": "a: 1\nb: 2\n"}
    after = values.received(shown)["files"]
    assert [path for path, file in files.items() if after[path] != file] == ["/data"]


@pytest.mark.parametrize(
    "files", [PropertyValue({"/a": sent({"content": "a: 1\nb: 2\n"})}, is_secret=True), sent(UNKNOWN)]
)
def test_secret_or_unknown_files_stay_as_they_are(files: PropertyValue) -> None:
    assert marked({"files": files}) == {"files": files}
    assert marked({}) == {}


def test_found_text_has_the_mark_of_the_wanted_one() -> None:
    inputs = marked({"files": sent({"/data": {"content": "a: 1\nb: 2\n"}, "/text": {"content": "one\ntwo\n"}})})
    found = {
        "/data": {"content": "by hand"},
        "/text": {"content": "a: 1\nb: 2\n"},
        "/more": {"content": "a: 1\nb: 2\n"},
    }
    assert marked_like(found, inputs) == {**found, "/data": {"content": f"{AS_TEXT}by hand"}}
    assert marked_like(found, {}) == found
