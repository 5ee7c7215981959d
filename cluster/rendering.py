"""Renders the files below templates/: a missing parameter is an error, never an empty text."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent.parent / "templates"


def render(template: str, parameters: object) -> str:
    """The text of one template. `parameters` is a frozen dataclass; its fields are the template's names."""
    if not dataclasses.is_dataclass(parameters) or isinstance(parameters, type):
        raise TypeError(f"{template}: parameters must be a dataclass, not {type(parameters).__name__}")
    values = {field.name: getattr(parameters, field.name) for field in dataclasses.fields(parameters)}
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # units and TOML, not HTML
    )
