"""Renders text from data: templates below templates/, and YAML."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent.parent / "templates"


def render(template: str, parameters: object) -> str:
    """The text of one template. `parameters` is a dataclass; its fields are the template's variables.

    Raises jinja2.UndefinedError for a variable without a field, TypeError if `parameters` is no dataclass.
    """
    if not dataclasses.is_dataclass(parameters) or isinstance(parameters, type):
        raise TypeError(f"{template}: parameters must be a dataclass, not {type(parameters).__name__}")
    values = {field.name: getattr(parameters, field.name) for field in dataclasses.fields(parameters)}
    return _environment().get_template(template).render(values)


def read_template(name: str) -> str:
    """The text of a file below templates/ that takes no parameters, such as a script."""
    return (TEMPLATES / name).read_text()


def dump_yaml(*documents: Any) -> str:
    """YAML of one or more documents. A text of several lines is a block scalar, so a diff shows the line that changed."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=1000)


class _Dumper(yaml.SafeDumper):
    """Repeats an object that occurs twice instead of writing an anchor and an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


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
