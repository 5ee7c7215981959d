"""The report: what an operation of the engine does to each node, and why. The JSON form follows from these records.

A new version number is needed if a key is removed or changes its meaning; new keys are added without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from nodestate.keys import Key

VERSION = 1


class Origin(StrEnum):
    """Why something changes: the program asks for something else, or the node is not as it was left (drift), or both."""

    PROGRAM = "program"
    DRIFT = "drift"
    BOTH = "both"


@dataclass(frozen=True)
class PathChange:
    """A file or directory that changes, or a foreign entry that is moved aside."""

    path: Annotated[str, Key("Absolute path on the node.")]
    kind: Annotated[str, Key("`file`, `directory`, or `foreign` for an entry that no component declares.")]
    operation: Annotated[str, Key("`create`, `update` or `delete`.")]
    attributes: Annotated[tuple[str, ...], Key("The attributes that change, such as `content`, `mode`, `added`.")] = ()
    because: Annotated[str, Key("The cause, if the program alone is not.")] = ""
    origin: Annotated[Origin, Key("Whether the program or the node is the cause.")] = Origin.PROGRAM
    secret: Annotated[bool, Key("Whether its content is secret: there is no diff then.")] = False
    component: Annotated[str, Key("Name of the resource.")] = ""
    details: Annotated[tuple[str, ...], Key("Old and new value of mode, owner, group or checksum.")] = ()
    diff: Annotated[tuple[str, ...], Key("Unified diff, line by line, from the node's content to the new one.")] = ()


@dataclass(frozen=True)
class UnitStep:
    """An action on a systemd unit."""

    unit: Annotated[str, Key("The unit.")]
    action: Annotated[
        str,
        Key(
            "`start`, `restart`, `reload`, `reread` (a restart only if it still serves the old certificate) or `stop`."
        ),
    ]
    because: Annotated[str, Key("The cause: file, unit state or probe.")] = ""
    origin: Annotated[Origin, Key("Whether the program or the node is the cause.")] = Origin.PROGRAM
    component: Annotated[str, Key("Name of the resource.")] = ""


@dataclass(frozen=True)
class UnitSetting:
    """Settings of a unit that disrupt nothing."""

    unit: Annotated[str, Key("The unit.")]
    verbs: Annotated[tuple[str, ...], Key("Some of `unmask`, `enable`, `disable`, `reenable`, `daemon-reload`.")] = ()
    because: Annotated[str, Key("The cause.")] = ""
    origin: Annotated[Origin, Key("Whether the program or the node is the cause.")] = Origin.PROGRAM
    component: Annotated[str, Key("Name of the resource.")] = ""


@dataclass(frozen=True)
class ProbeDifference:
    """A fact of the running system that is not as expected."""

    name: Annotated[str, Key("Name of the probe.")]
    found: Annotated[str, Key("What was found. Of several lines those that differ; cut off after 200 characters.")] = ""
    expected: Annotated[str, Key("What was expected, in the same way.")] = ""
    unit: Annotated[str, Key("The unit that is restarted for it.")] = ""
    origin: Annotated[Origin, Key("Whether the program or the node is the cause.")] = Origin.PROGRAM
    component: Annotated[str, Key("Name of the resource.")] = ""

    @property
    def told(self) -> str:
        """The difference in one line."""
        found, expected = (", ".join(text.splitlines()) or "empty" for text in (self.found, self.expected))
        return f"is {found}, not {expected}"


@dataclass(frozen=True)
class OwnershipChange:
    """Owner marks that change while the thing itself stays as it is."""

    item: Annotated[str, Key("The path or unit, or the component if all of it exists already.")]
    change: Annotated[str, Key("`handed over`, or `owner marks`: they are written.")] = ""
    to: Annotated[str, Key("The component that has it from now on.")] = ""
    because: Annotated[str, Key("The cause.")] = ""
    component: Annotated[str, Key("Name of the resource.")] = ""


@dataclass(frozen=True)
class NodeReport:
    """A node that changes."""

    node: Annotated[str, Key("Name of the node.")]
    change: Annotated[str, Key("`create`, `update`, `replace` or `delete`: the strongest of its components.")]
    components: Annotated[tuple[str, ...], Key("Names of its resources that change.")] = ()
    paths: Annotated[tuple[PathChange, ...], Key("Changed paths.")] = ()
    steps: Annotated[tuple[UnitStep, ...], Key("Actions on units.")] = ()
    settings: Annotated[tuple[UnitSetting, ...], Key("Settings of units.")] = ()
    probes: Annotated[tuple[ProbeDifference, ...], Key("Probes that differ.")] = ()
    ownership: Annotated[tuple[OwnershipChange, ...], Key("Owner marks that change.")] = ()
    found: Annotated[
        tuple[str, ...], Key("Resources that are created, and were compared with what the node has already.")
    ] = ()
    group: Annotated[str, Key("Its rollout group, if it needs a slot.")] = ""
    slot: Annotated[str, Key('Its slot in the group, such as "2 of 3".')] = ""
    recorded: Annotated[tuple[str, ...], Key("Inputs whose change is recorded and touches nothing on the node.")] = ()

    @property
    def silent(self) -> bool:
        """Whether nothing on the node changes."""
        return not (self.paths or self.steps or self.settings or self.probes or self.ownership)


@dataclass(frozen=True)
class Group:
    """The nodes of a rollout group that are disrupted, in the order of their slots."""

    name: Annotated[str, Key("Name of the group.")]
    nodes: Annotated[tuple[str, ...], Key("Names of the nodes in the order of their slots.")] = ()
    at_a_time: Annotated[int, Key("How many nodes may be disrupted at the same time.")] = 1
    canaries: Annotated[int, Key("How many go first, one after another.")] = 0


@dataclass(frozen=True)
class Certificate:
    """A certificate of the cluster, as the engine's state has it."""

    name: Annotated[str, Key("Name of the resource.")]
    operation: Annotated[str, Key("`same`, or what happens to it: `create`, `renew`, `update` or `delete`.")]
    expires: Annotated[str, Key("When the present one expires, in UTC.")] = ""
    days_left: Annotated[int | None, Key("Whole days until then, from the time of the report.")] = None


@dataclass(frozen=True)
class ResourceChange:
    """Another resource that changes: a command, an object, a machine."""

    name: Annotated[str, Key("Name of the resource.")]
    type: Annotated[str, Key("Type token of the resource.")]
    operation: Annotated[str, Key("The engine's operation, such as `create`, `update`, `replace`, `delete`.")]
    keys: Annotated[tuple[str, ...], Key("Property paths that differ.")] = ()


@dataclass(frozen=True)
class ObjectChange:
    """An object behind the API that changes."""

    set_name: Annotated[str, Key("Name of its set; `nodes` for the nodes that are registered.", wire="set")]
    object: Annotated[str, Key("Kind, namespace and name, such as `Deployment kube-system/coredns`.")]
    operation: Annotated[str, Key("`create`, `update` or `delete`.")]
    paths: Annotated[tuple[str, ...], Key("Paths of the fields that change.")] = ()
    fields: Annotated[
        tuple[str, ...], Key("Old and new value of each, or the lines that change; who took a field; notes.")
    ] = ()
    origin: Annotated[Origin, Key("Whether the program or the API is the cause.")] = Origin.PROGRAM
    whole: Annotated[bool, Key("Whether its set is created or deleted without a look at what the API has of it.")] = (
        False
    )


@dataclass(frozen=True)
class SetNotRead:
    """A set of objects that was not looked at: its drift is not known."""

    set_name: Annotated[str, Key("Name of the set.", wire="set")]
    reason: Annotated[str, Key("Why it was not read.")] = ""


@dataclass(frozen=True)
class NotRead:
    """A node that was not looked at: its drift is not known."""

    node: Annotated[str, Key("Name of the node.")]
    reason: Annotated[str, Key("Why it was not read.")] = ""


@dataclass(frozen=True)
class Notice:
    """A warning or an error of the run."""

    text: Annotated[str, Key("The message.")]
    resource: Annotated[str, Key("Name of the resource that it is about.")] = ""


@dataclass(frozen=True)
class NodeOutcome:
    """The outcome of an update on one node."""

    node: Annotated[str, Key("Name of the node.")]
    result: Annotated[str, Key("`done`, `failed`, or `not reached`: the run ended before.")]
    seconds: Annotated[int, Key("From the first step on it to the last, waiting for its slot included.")] = 0
    steps: Annotated[tuple[UnitStep, ...], Key("The actions on units that were begun, in their order.")] = ()
    paths: Annotated[tuple[str, ...], Key("The paths that the update named and changed.")] = ()
    differences: Annotated[tuple[str, ...], Key("Each difference from the forecast.")] = ()


@dataclass(frozen=True)
class ObjectOutcome:
    """The outcome of an update on one object behind the API."""

    set_name: Annotated[str, Key("Name of its set.", wire="set")]
    object: Annotated[str, Key("Kind, namespace and name.")]
    result: Annotated[str, Key("`done`, `failed`, `not done`, or `not reached`: the run ended before.")]
    operations: Annotated[tuple[str, ...], Key("The operations that were begun, in their order.")] = ()
    difference: Annotated[str, Key("The difference from the forecast.")] = ""


@dataclass(frozen=True)
class Happened:
    """The update beside its forecast."""

    result: Annotated[str, Key("`succeeded` or `failed`.")]
    seconds: Annotated[int, Key("Duration of the update.")] = 0
    nodes: Annotated[tuple[NodeOutcome, ...], Key("The nodes that the forecast or the update names.")] = ()
    differences: Annotated[tuple[str, ...], Key("Differences of certificates and other resources.")] = ()
    errors: Annotated[tuple[Notice, ...], Key("Errors of the update.")] = ()
    objects: Annotated[
        tuple[ObjectOutcome, ...], Key("The objects behind the API that the forecast or the update names.")
    ] = ()

    @property
    def differs(self) -> bool:
        """Whether anything else happened than was forecast."""
        differing = any(one.differences for one in self.nodes) or any(one.difference for one in self.objects)
        return bool(self.differences) or differing


@dataclass(frozen=True)
class Excess:
    """One reason why the plan exceeds its budget."""

    rule: Annotated[str, Key("`maxRestarts`, `noRestart` or `windows`.")]
    text: Annotated[str, Key("What exceeds it.")]


@dataclass(frozen=True)
class Budget:
    """The plan against the configured policy."""

    disruptions: Annotated[int, Key("Restarts and stops. A reread that may end in a restart is not counted.")]
    excess: Annotated[tuple[Excess, ...], Key("Why it is exceeded.")] = ()
    overridden: Annotated[bool, Key("Whether an explicit word allows it all the same.")] = False


@dataclass(frozen=True)
class Report:
    """One preview or update."""

    version: Annotated[int, Key(f"Version of this format: {VERSION}.")]
    operation: Annotated[str, Key("`preview` or `update`.")]
    result: Annotated[str, Key("`succeeded`, `failed`, or empty if the stream ended early.")]
    stack: Annotated[str, Key("Name of the stack.")]
    project: Annotated[str, Key("Name of the project.")]
    time: Annotated[str, Key("When it began, in UTC.")]
    seconds: Annotated[int, Key("Its duration.")] = 0
    refreshed: Annotated[bool, Key("Whether the nodes were read first, so that drift is seen.")] = True
    nodes: Annotated[tuple[NodeReport, ...], Key("Nodes that change.")] = ()
    unchanged: Annotated[tuple[str, ...], Key("Names of nodes that do not change.")] = ()
    not_read: Annotated[tuple[NotRead, ...], Key("Nodes that were not looked at.")] = ()
    reboots: Annotated[tuple[str, ...], Key("Names of nodes whose system wants a reboot.")] = ()
    groups: Annotated[tuple[Group, ...], Key("Rollout groups with disruptive changes.")] = ()
    certificates: Annotated[tuple[Certificate, ...], Key("Certificates, the first to expire first.")] = ()
    resources: Annotated[tuple[ResourceChange, ...], Key("Other resources that change.")] = ()
    unchanged_resources: Annotated[int, Key("Number of resources that do not change.")] = 0
    warnings: Annotated[tuple[Notice, ...], Key("Warnings.")] = ()
    errors: Annotated[tuple[Notice, ...], Key("Errors.")] = ()
    budget: Annotated[Budget | None, Key("The configured budget.")] = None
    happened: Annotated[Happened | None, Key("What the update did, beside this forecast.")] = None
    objects: Annotated[tuple[ObjectChange, ...], Key("Objects behind the API that change, by set.")] = ()
    objects_not_read: Annotated[tuple[SetNotRead, ...], Key("Sets of objects that were not looked at.")] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing changes."""
        changed = [one for one in self.certificates if one.operation != "same"]
        return not (self.nodes or self.objects or self.resources or changed)
