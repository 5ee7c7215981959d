"""Texts of files as the engine displays them line by line: marked between provider and engine (vocabulary.AS_TEXT)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pulumi.provider.experimental.property_value import PropertyValue

from nodestate.vocabulary import AS_TEXT, as_text, without_mark
from provider import values
from provider.values import Properties

FILES, CONTENT = "files", "content"


def received(properties: Properties) -> dict[str, Any]:
    """The properties that the engine sent, as plain data without marks."""
    data = values.received(properties)
    if isinstance(data.get(FILES), Mapping):
        data[FILES] = {path: _replaced(one, without_mark) for path, one in data[FILES].items()}
    return data


def marked(inputs: Properties) -> dict[str, PropertyValue]:
    """A program's inputs; each public text that the engine would read as data has a mark. Secret texts are not looked at."""
    files = inputs.get(FILES)
    if files is None or files.is_secret or not isinstance(files.value, Mapping):
        return dict(inputs)
    shown = {path: _marked(one) for path, one in files.value.items()}
    return {**inputs, FILES: _with(files, shown)}


def _marked(file: PropertyValue) -> PropertyValue:
    if file.is_secret or not isinstance(file.value, Mapping):
        return file
    content = file.value.get(CONTENT)
    if content is None or content.is_secret or not isinstance(content.value, str):
        return file
    return _with(file, {**file.value, CONTENT: _with(content, as_text(content.value))})


def _with(value: PropertyValue, inner: Any) -> PropertyValue:
    return PropertyValue(inner, is_secret=value.is_secret, dependencies=value.dependencies)


def marked_like(found: Mapping[str, Any], inputs: Properties) -> dict[str, Any]:
    """Files that were found on a node, with the marks of their inputs: of the two texts of a path, both have it or none."""
    wanted = values.received({FILES: inputs[FILES]})[FILES] if FILES in inputs else {}

    def one(path: str, file: Any) -> Any:
        known = wanted.get(path) if isinstance(wanted, Mapping) else None
        content = known.get(CONTENT) if isinstance(known, Mapping) else None
        is_marked = isinstance(content, str) and content.startswith(AS_TEXT)
        return _replaced(file, lambda text: f"{AS_TEXT}{text}") if is_marked else file

    return {path: one(path, file) for path, file in found.items()}


def _replaced(file: Any, function: Callable[[str], str]) -> Any:
    """A file in plain data with another text, if it has a public one."""
    if not isinstance(file, Mapping) or not isinstance(file.get(CONTENT), str):
        return file
    return {**file, CONTENT: function(file[CONTENT])}
