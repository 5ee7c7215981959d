"""The revision of a state: a checksum for triggers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from typing import Any

from nodestate.schema import File, Foreign, NodeStateInputs
from nodestate.secret import UNKNOWN, known_text, sha256
from nodestate.wire import partly_unknown, to_wire


def revision(inputs: NodeStateInputs) -> str | None:
    """A checksum of the node's name, the machine, and all that is written there: files with content or download, mode,
    owner, group and whether they are a block; directories; units. None while part of it is unknown.

    It does not cover policy: reactions, readiness, rollout, probes, verifications, hooks and foreign entries, nor the connection. A change of those alone does
    not run what uses the revision as its trigger.
    """
    written: dict[str, Any] = {
        "node": inputs.node,
        "machine": inputs.machine_id,
        "files": {path: _file(file) for path, file in inputs.files.items()},
        "directories": {
            path: to_wire(replace(one, foreign=Foreign.IGNORED, known=())) for path, one in inputs.directories.items()
        },
        "units": {name: to_wire(replace(one, foreign_drop_ins=Foreign.NAMED)) for name, one in inputs.units.items()},
    }
    if partly_unknown(written):
        return None
    return hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()


def _file(file: File) -> dict[str, Any]:
    text = known_text(file.content)
    content = sha256(text) if text is not None else None if file.content is None else UNKNOWN
    source = file.source.identity if file.source else None
    return {**asdict(file), "content": content, "source": source}
