"""The words of a plan as the engine's events carry them: types of rows, their facts, steps, and lines of a run.

`provider` writes them and `report` reads them; neither imports the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PACKAGE = "plumbline:index"
NODE_STATE = f"{PACKAGE}:NodeState"
PREFLIGHT = f"{PACKAGE}:Preflight"
OBJECT_SET = f"{PACKAGE}:ObjectSet"
NODE_REGISTRATION = f"{PACKAGE}:NodeRegistration"
COMMAND = f"{PACKAGE}:Command"

FILE, DIRECTORY, FOREIGN = "File", "Directory", "Foreign"
UNIT_STEP, UNIT_SETTING, PROBE = "UnitStep", "UnitSetting", "Probe"
OWNERSHIP = "Ownership"
ROWS = (FILE, DIRECTORY, FOREIGN, UNIT_STEP, UNIT_SETTING, PROBE, OWNERSHIP)
"""Types of rows, each after the package: resource views below the NodeState that they are about."""

OBJECT = "Object"
"""Type of a row below an ObjectSet: an object behind the API. The name is that of the set, and the object."""

FIELDS = "fields"
"""Fact of an object's row: what changes, a field each on its own line."""

DRIFTED = "drift"
"""Cause of an object's row if the program asks for nothing else than before."""

NODES_SET = "nodes"
"""The name of the set in rows of NodeRegistrations."""

GONE = "it is gone already"
"""The only line of an object's row if there is nothing to delete any more."""

CHANGE, BECAUSE, ACTION, ORDER = "change", "because", "action", "order"
FOUND, EXPECTED, UNIT, TO = "found", "expected", "unit", "to"
"""Facts of a row. `order` is the node's slot in its rollout group, such as "2 of 3"."""

ALL_EXISTS = "all of it exists"
"""The cause of the only row of a creation that changes nothing."""

START, RESTART, RELOAD, REREAD, STOP = "start", "restart", "reload", "reread", "stop"
"""Actions of a unit step. A unit that rereads its files is restarted only if it still serves the former certificate."""

DISRUPTIVE = (RESTART, REREAD, STOP)

NOT_READ = "its last known state is kept, drift is not seen"
"""The end of the warning about a node that does not answer, or an API."""

AS_EMPTY = "the plan is that of an empty machine"
"""The end of the warning about a new resource's node that answers, and cannot be read."""

NOT_COMPARED = "the plan follows its last known state, drift is not seen"
"""The end of the warning about a set that is planned without the API."""

DOING = {START: "starting", RESTART: "restarting", RELOAD: "reloading", STOP: "stopping"}
OBJECT_DOING = {"create": "creating", "update": "updating", "delete": "deleting"}
UNTOUCHED = "not touched: "
"""Begins the error about a node whose turn never came."""

INTERRUPTED = f"{UNTOUCHED}the run was interrupted before its turn. Run pulumi again"
WAITS = "waits for its slot in rollout group"
SERVES = "serves its new certificate"
MOVED = "was moved to"
REBOOT = "wants a reboot"


AS_TEXT = "@text\n"
"""The first line of a file's text between provider and engine, if the engine would otherwise read it as YAML or JSON: of a
change in such data it prints all that did not change, too (printObjectPropertyDiff in Pulumi's
pkg/backend/display/object_diff.go), of a text the changed lines and two around them. No YAML
token begins with an @, so the line ends the attempt to read the data."""

_DATA = re.compile(r"(?:[ \t]*(?:#.*)?\r?\n|---[ \t]*\r?\n)*(?:\{|\[[ \t]*\r?\n|-[ \r\n]|[^\s:#\[{][^:\n]*:[ \t\r\n])")
"""The start of a YAML map or list, or of one in JSON."""


def as_text(content: str) -> str:
    """A file's text as the engine gets it."""
    data = "\n" in content.strip() and _DATA.match(content)
    return f"{AS_TEXT}{content}" if data or content.startswith(AS_TEXT) else content


def without_mark(content: str) -> str:
    """A file's text as the program gave it."""
    return content.removeprefix(AS_TEXT)


def row_name(node: str, name: str) -> str:
    """The name of a row: that of the node, and the path, unit or probe."""
    return f"{node}:{name}"


def own_group(group: str) -> bool:
    """Whether an API group is one of Kubernetes' own."""
    return "." not in group or group.endswith(".k8s.io")


def object_name(kind: str, group: str, namespace: str, name: str) -> str:
    """The identity of an object behind the API, its key in a set: `Deployment kube-system/coredns`. A group that is not
    Kubernetes' own is named: `Foo.example.com a`."""
    shown = kind if own_group(group) else f"{kind}.{group}"
    return f"{shown} {namespace}/{name}" if namespace else f"{shown} {name}"


def split_name(row: str) -> tuple[str, str]:
    """The node, and the path, unit or probe of a row's name."""
    node, _, name = row.partition(":")
    return node, name


@dataclass(frozen=True)
class Done:
    """A unit step that an update has begun."""

    node: str
    unit: str
    action: str
    because: str = ""


def doing(unit: str, action: str, because: str) -> str:
    """The line about a unit step, without the node's name before it."""
    return f"{DOING[action]} {unit} because {because}"


def serves(unit: str, at: str) -> str:
    """The line about a unit that has reread its certificate."""
    return f"{unit} {SERVES} at {at}: no restart was needed"


def changing(set_name: str, operation: str, ref: object) -> str:
    """The line about an object that an update begins to change. `ref` is its text, or has it."""
    return f"set {set_name}: {OBJECT_DOING[operation]} {ref}"


def node_object(node: str) -> str:
    """The object of a node behind the API, in the set of all nodes."""
    return f"Node {node}"


def interrupted(node: str) -> str:
    """The error for a node that an interrupted run does not reach."""
    return f"{node}: {INTERRUPTED}"


def waiting(group: str) -> str:
    """The line about a node that waits for others, without its name before it."""
    return f"{WAITS} {group}"


def waits(line: str) -> bool:
    """Whether a line is about a node that waits for others."""
    return WAITS in line


def moved(path: str, place: str) -> str:
    """The line about a foreign entry that was moved aside."""
    return f"{path} {MOVED} {place}"


def reboot(file: str) -> str:
    """The line about a node on which a file tells that a reboot is required."""
    return f"{REBOOT}: {file} exists"


_VERBS = {verb: action for action, verb in DOING.items()}
_DOING = re.compile(rf"([^:\s]+): ({'|'.join(_VERBS)}) (\S+) because (.+)", re.DOTALL)
_SERVES = re.compile(rf"([^:\s]+): (\S+) {SERVES} at .*", re.DOTALL)
_OBJECT_VERBS = {verb: operation for operation, verb in OBJECT_DOING.items()}
_CHANGING = re.compile(rf"set ([^:]+): ({'|'.join(_OBJECT_VERBS)}) (\S.*)")
_REBOOT = re.compile(rf"(\S+): {REBOOT}: /\S+ exists")
_MOVED = re.compile(rf"([^:\s]+): (/.+) {MOVED} /.*")


def rebooting(line: str) -> str | None:
    """The node that a line tells wants a reboot; None for any other line."""
    match = _REBOOT.fullmatch(line.strip())
    return match[1] if match else None


def moved_path(line: str) -> tuple[str, str] | None:
    """The node and the path that a line tells was moved aside; None for any other line."""
    match = _MOVED.fullmatch(line.strip())
    return (match[1], match[2]) if match else None


def changed_object(line: str) -> tuple[str, str, str] | None:
    """The set, the object and the operation that a line of an update tells of; None for any other line."""
    match = _CHANGING.fullmatch(line.strip())
    return (match[1], match[3], _OBJECT_VERBS[match[2]]) if match else None


def done(line: str) -> Done | None:
    """The step that a line of an update tells of; None for any other line."""
    if match := _DOING.fullmatch(line.strip()):
        node, verb, unit, because = match.groups()
        return Done(node, unit, _VERBS[verb], because)
    if match := _SERVES.fullmatch(line.strip()):
        return Done(match[1], match[2], REREAD)
    return None
