"""Inputs and stored states for tests, from their wire form in YAML with `!secret` and `!unknown` values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from nodestate import UNKNOWN, NodeStateInputs, Secret, from_wire
from provider.observed import Observed

NODE: dict[str, Any] = {
    "node": "n1",
    "machineId": "machine-1",
    "connection": {"host": "10.0.0.1", "privateKey": Secret("a private key"), "hostKey": "ssh-ed25519 AAAA"},
}


class Loader(yaml.SafeLoader):
    """YAML with marks for secrets and unknown values."""


def _secret(loader: Loader, node: yaml.nodes.ScalarNode) -> Secret:
    return Secret(str(loader.construct_scalar(node)))


Loader.add_constructor("!secret", _secret)
Loader.add_constructor("!unknown", lambda loader, node: UNKNOWN)
Loader.add_constructor("!unknown-secret", lambda loader, node: Secret(UNKNOWN))


def load(text: str) -> Any:
    """The data of a YAML text."""
    return yaml.load(text, Loader)


def inputs(wire: Mapping[str, Any]) -> NodeStateInputs:
    """Inputs of node n1."""
    return from_wire(NodeStateInputs, NODE | dict(wire))


def observed(wire: Mapping[str, Any]) -> Observed:
    """A stored or observed state of node n1."""
    return from_wire(Observed, NODE | dict(wire))
