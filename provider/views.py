"""Resource views: a row of the preview for each changed file and each unit step, in the engine's own display.

Rows are published in previews only, so that they are never stored. The engine (3.256) breaks a stack over stored views: if
the resource is deleted with its machine (`deletedWith`) it leaves them without their parent, two resources with a view of
the same name are an integrity failure, and a view that the state does not know ends it in a panic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import grpc
from google.protobuf import struct_pb2
from pulumi.runtime.proto import resource_status_pb2, resource_status_pb2_grpc

from nodestate import vocabulary as words
from provider import changes
from provider.calls import Call
from provider.changes import FileChange
from provider.plan import Plan

OPERATIONS = {
    "create": resource_status_pb2.ViewStep.CREATE,
    "update": resource_status_pb2.ViewStep.UPDATE,
    "delete": resource_status_pb2.ViewStep.DELETE,
}
OF_STEP = {changes.START: "create", changes.STOP: "delete"}
"""How a unit step is shown; any other is an update."""

PUBLISH_SECONDS = 30

SHOWN = 200
"""Characters of a probe's output in a row."""

ACTIONS = {changes.SELF_RELOAD: words.REREAD}
"""Names of actions in a row, if they differ from those of the plan."""


@dataclass(frozen=True)
class Row:
    """One row: its type (File, Directory, UnitStep, UnitSetting, Probe, Foreign, Ownership), its name, and facts about the
    change.

    Facts hold paths, names and causes, never the content of a file. `operation` is create, update or delete.
    """

    kind: str
    name: str
    operation: str
    facts: Mapping[str, str]


def rows(node: str, plan: Plan, order: str | None, adopted: str | None = None) -> list[Row]:
    """The rows of a plan, none if it is empty. `order` is the node's slot in its rollout group, such as "2 of 3".

    `adopted` is a component that is created. If all of it exists on the node, only its owner marks are written: that is a row,
    too, since a creation without rows is read as one of all its files.
    """
    shown = [
        Row(kind, words.row_name(node, name), operation, facts) for kind, name, operation, facts in _rows(plan, order)
    ]
    if adopted is not None and not shown:
        facts = {words.CHANGE: "owner marks", words.BECAUSE: words.ALL_EXISTS}
        shown.append(Row(words.OWNERSHIP, words.row_name(node, adopted), "update", facts))
    return shown


def _rows(plan: Plan, order: str | None) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    for kind, section in ((words.FILE, plan.files), (words.DIRECTORY, plan.directories)):
        for change in section:
            facts = {words.CHANGE: ", ".join(change.attributes), words.BECAUSE: change.because}
            yield kind, change.path, _operation(change), _given(facts)
    for one in plan.aside:
        facts = {words.CHANGE: "moved aside", words.UNIT: one.unit or ""}
        yield words.FOREIGN, one.path, "delete", _given(facts)
    for item, other in plan.handed.items():
        yield words.OWNERSHIP, item, "update", {words.CHANGE: "handed over", words.TO: other}
    for unit, verbs in plan.settings.items():
        facts = {words.CHANGE: ", ".join(verbs), words.BECAUSE: plan.setting_causes.get(unit, "")}
        yield words.UNIT_SETTING, unit, "update", _given(facts)
    for probe in plan.probes:
        found, expected = (text[:SHOWN] for text in probe.difference)
        facts = {words.FOUND: found, words.EXPECTED: expected, words.UNIT: probe.unit}
        yield words.PROBE, probe.name, "update", facts
    for step in plan.steps:
        facts = {
            words.ACTION: ACTIONS.get(step.action, step.action),
            words.BECAUSE: step.because,
            words.ORDER: order or "",
        }
        yield words.UNIT_STEP, step.unit, OF_STEP.get(step.action, "update"), _given(facts)


def _operation(change: FileChange) -> str:
    if changes.ADDED in change.attributes:
        return "create"
    return "delete" if change.removes else "update"


def _given(facts: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in facts.items() if value}


async def publish(call: Call, shown: list[Row]) -> str | None:
    """Publishes rows on the resource that the call is about. An engine without views shows none. Returns the reason if one
    that has views does not take them: it does not fail the run."""
    if not (call.status_address and shown):
        return None
    request = resource_status_pb2.PublishViewStepsRequest(token=call.status_token, steps=[_step(row) for row in shown])
    async with grpc.aio.insecure_channel(call.status_address) as channel:
        try:
            await resource_status_pb2_grpc.ResourceStatusStub(channel).PublishViewSteps(
                request, timeout=PUBLISH_SECONDS
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return None
            return str(error.code().name).lower().replace("_", " ")
    return None


def _step(row: Row) -> resource_status_pb2.ViewStep:
    kind = f"{words.PACKAGE}:{row.kind}"
    facts = struct_pb2.Struct()
    facts.update(row.facts)
    # The new state alone: the engine looks up an old one in the stack's state, where it never is.
    state = resource_status_pb2.ViewStepState(type=kind, name=row.name, inputs=facts, outputs=facts)
    ok = resource_status_pb2.ViewStep.OK
    return resource_status_pb2.ViewStep(status=ok, op=OPERATIONS[row.operation], type=kind, name=row.name, new=state)
