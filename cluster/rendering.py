"""Renders text from data: templates below templates/, and YAML."""

from __future__ import annotations

import dataclasses
import re
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
    """YAML of one or more documents. Text that a reader of YAML 1.1 or 1.2 would read as another type is quoted.

    A text of several lines is a block scalar, so a diff shows the line that changed.
    """
    # Most documents of a node are those of the node before.
    written = repr(documents)
    if written not in _DUMPED:
        _DUMPED[written] = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=1000)
    return _DUMPED[written]


_DUMPED: dict[str, str] = {}
"""The texts of this run by the documents as Python writes them."""


# PyYAML quotes text that it would itself read as another type. These are the further forms of the YAML 1.2 core schema and
# of Go's readers: exponents without a point, octal numbers as 0o17, upper-case prefixes, leading zeros, single digits.
NUMBER = re.compile(
    r"[-+]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+"
    r"|(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?)\Z"
)
DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}\Z")
BOOLEAN = re.compile(r"[yYnN]\Z")


class _Dumper(yaml.SafeDumper):
    """Repeats an object that occurs twice instead of writing an anchor and an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


# The tags only differ from that of text; PyYAML's own forms come first, so numbers keep their tags and are not quoted.
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", NUMBER, list("-+.0123456789"))
_Dumper.add_implicit_resolver("tag:yaml.org,2002:timestamp", DATE, list("0123456789"))
_Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", BOOLEAN, list("yYnN"))

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
