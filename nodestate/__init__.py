"""NodeState, declared once: its fields, their wire form and their checks. Standard library only.

`cluster` builds these records, `components` sends them to the engine, `provider` reads them back and acts on them.
"""

from nodestate.checks import Problem, problems
from nodestate.revision import revision
from nodestate.schema import (
    Action,
    Connection,
    Declared,
    Directory,
    Download,
    Endpoint,
    File,
    Foreign,
    Hook,
    NodeState,
    NodeStateInputs,
    Probe,
    Reaction,
    Readiness,
    Rollout,
    Unit,
    Verification,
)
from nodestate.secret import UNKNOWN, Secret, Text, Unknown
from nodestate.wire import from_wire, map_leaves, to_wire

__all__ = [
    "UNKNOWN",
    "Action",
    "Connection",
    "Declared",
    "Directory",
    "Download",
    "Endpoint",
    "File",
    "Foreign",
    "Hook",
    "NodeState",
    "NodeStateInputs",
    "Probe",
    "Problem",
    "Reaction",
    "Readiness",
    "Rollout",
    "Secret",
    "Text",
    "Unit",
    "Unknown",
    "Verification",
    "from_wire",
    "map_leaves",
    "problems",
    "revision",
    "to_wire",
]
