"""The declarations of a node's other components, which tests hand to each as the program does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nodestate import Declared, NodeStateInputs, from_wire, to_wire


def declared_elsewhere(components: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, dict[str, list[str]]]:
    """The declarations of the other components of the same node, as the program hands them over."""
    return {
        other: to_wire(Declared.of(from_wire(NodeStateInputs, one)))
        for other, one in components.items()
        if other != name
    }
