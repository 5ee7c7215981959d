"""Event logs of the recorded shape (tests/unit/report/recorded), made for any number of nodes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nodestate.vocabulary import ALL_EXISTS, NODE_STATE, OBJECT, OBJECT_SET, OWNERSHIP, PACKAGE, changing
from report.build import build
from report.events import SECRET_MARK, Stream, read
from report.model import Report

PREFIX = "urn:pulumi:production::plumbline::plumbline:index:KubernetesCluster$plumbline:index:Node$"
START = 1795876800
"""2026-11-28T14:40:00Z."""

CONFIG = "/etc/kubernetes/kubelet.yaml"
UNIT = "kubelet.service"


def hidden(_: str = "") -> dict[str, str]:
    """A secret value, as an event has it."""
    return {SECRET_MARK: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}


def urn(name: str, kind: str = NODE_STATE) -> str:
    """The URN of a resource of the cluster."""
    return f"{PREFIX}{kind}::{name}"


@dataclass
class Log:
    """An event log, line by line. Every event is a second later."""

    lines: list[str] = field(default_factory=list)
    preview: bool = True

    def __post_init__(self) -> None:
        self.add(preludeEvent={"config": {}})

    def add(self, **event: Any) -> None:
        """Adds one event."""
        number = len(self.lines)
        whole = {"sequence": number, "timestamp": START + number, **event}
        self.lines.append(json.dumps(whole, separators=(",", ":"), ensure_ascii=False))

    def step(self, event: str, op: str, kind: str, name: str, **more: Any) -> None:
        """Adds an event of a resource. `old`, `new` are states, `diff` the property paths that differ."""
        metadata: dict[str, Any] = {"op": op, "urn": more.pop("urn", urn(name, kind)), "type": kind}
        metadata["old"], metadata["new"] = more.pop("old", None), more.pop("new", None)
        metadata["detailedDiff"] = {
            path: {"diffKind": "update", "inputDiff": False} for path in more.pop("diff", ())
        } or None
        self.add(**{event: {"metadata": metadata, "planning": self.preview}})

    def message(self, text: str, name: str = "", severity: str = "info") -> None:
        """Adds a line of the provider about a NodeState."""
        given = {"urn": urn(name)} if name else {}
        self.add(diagnosticEvent={**given, "message": f"{text}\n", "color": "never", "severity": severity})

    def summary(self, result: str = "succeeded", seconds: int = 7) -> None:
        """Adds the last event."""
        self.add(
            summaryEvent={
                "maybeCorrupt": False,
                "durationSeconds": seconds,
                "resourceChanges": {},
                "PolicyPacks": {},
                "isPreview": self.preview,
                "result": result,
            }
        )

    def stream(self) -> Stream:
        """The log as it is read."""
        [stream] = read(self.lines)
        return stream

    def report(self) -> Report:
        """The report of the log."""
        return build(self.stream())

    def same(self, node: str, inputs: Mapping[str, Any] | None = None) -> None:
        """A NodeState that was read and does not change."""
        name = f"{node}-kubelet"
        whole = state(name, {"node": node, **(inputs or {})})
        self.step("resourcePreEvent", "refresh", NODE_STATE, name, old=whole, new=whole)
        self.step("resOutputsEvent", "refresh", NODE_STATE, name, old=whole, new=whole)
        self.step("resourcePreEvent", "same", NODE_STATE, name, old=whole, new=whole)
        self.step("resOutputsEvent", "same", NODE_STATE, name, old=whole, new=whole)

    def row(self, node: str, kind: str, name: str, op: str, component: str = "kubelet", **facts: str) -> None:
        """A row of a node's component."""
        parent = urn(f"{node}-{component}")
        row = f"{node}:{name}"
        at = f"{PREFIX}{NODE_STATE}${PACKAGE}:{kind}::{row}"
        new = {"type": f"{PACKAGE}:{kind}", "urn": at, "parent": parent, "inputs": facts, "outputs": facts}
        self.step("resourcePreEvent", op, f"{PACKAGE}:{kind}", row, urn=at, new=new)

    def object_set(self, op: str, name: str = "dns", *objects: str) -> None:
        """A set that is changed. `objects` are the names of its objects in its inputs."""
        inputs = {"name": name, "objects": {one: {"data": {"a": "b"}} for one in objects}}
        side = "old" if op == "delete" else "new"
        given = {"type": OBJECT_SET, "urn": urn(f"add-on-{name}", OBJECT_SET), "parent": urn("m1"), "inputs": inputs}
        self.step("resourcePreEvent", op, OBJECT_SET, f"add-on-{name}", **{side: given})

    def object_row(self, name: str, op: str, set_name: str = "dns", **facts: str) -> None:
        """A row of an object of a set."""
        row, kind = f"{set_name}:{name}", f"{PACKAGE}:{OBJECT}"
        at = f"{PREFIX}{OBJECT_SET}${kind}::{row}"
        new = {"type": kind, "urn": at, "parent": urn(f"add-on-{set_name}", OBJECT_SET), "inputs": facts}
        self.step("resourcePreEvent", op, kind, row, urn=at, new=new)

    def existing_set(self, name: str = "dns") -> None:
        """The row of a set that is created and all of which exists."""
        row, kind = f"{name}:add-on-{name}", f"{PACKAGE}:{OWNERSHIP}"
        at, facts = f"{PREFIX}{OBJECT_SET}${kind}::{row}", {"change": "field manager", "because": ALL_EXISTS}
        new = {"type": kind, "urn": at, "parent": urn(f"add-on-{name}", OBJECT_SET), "inputs": facts}
        self.step("resourcePreEvent", "update", kind, row, urn=at, new=new)

    def object_line(self, name: str, op: str, set_name: str = "dns") -> None:
        """The line of an update that begins to change an object."""
        at = urn(f"add-on-{set_name}", OBJECT_SET)
        self.told(changing(set_name, op, name), at, "info")

    def told(self, text: str, at: str, severity: str) -> None:
        """A line of the provider about any resource, by its URN."""
        self.add(diagnosticEvent={"urn": at, "message": f"{text}\n", "color": "never", "severity": severity})


def state(name: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The state of a NodeState."""
    return {"type": NODE_STATE, "urn": urn(name), "parent": urn("m1"), "inputs": inputs, "outputs": outputs or inputs}


def text(content: Any, mode: str = "0644") -> dict[str, Any]:
    """A file."""
    return {"content": content, "mode": mode, "owner": "root", "group": "root"}


def config(node: str, pods: int, lines: int = 30) -> str:
    """A configuration file that names its node."""
    rest = "".join(f"key{number}: {number}\n" for number in range(lines))
    return f"# {node}\nkind: KubeletConfiguration\nmaxPods: {pods}\n{rest}"


def flag(log: Log, node: str, order: str = "1 of 1", group: str = "workers", most: int = 1, **more: Any) -> None:
    """One changed key of a node's kubelet, which restarts."""
    name = f"{node}-kubelet"
    rollout = {"group": group, "members": [node], "maxUnavailable": most, "canaries": 1}
    units = {"units": {UNIT: {"enabled": True, "active": True}}, "rollout": rollout, "node": node}
    old = {"files": {CONFIG: text(config(node, 110))}, **units}
    new = {"files": {CONFIG: text(config(node, 120))}, **units}
    found = more.get("found", old)
    diff = (f'files["{CONFIG}"].content',)
    drifted = diff if found is not old else ()
    log.step(
        "resOutputsEvent", "refresh", NODE_STATE, name, old=state(name, old), new=state(name, old, found), diff=drifted
    )
    log.step(
        "resourcePreEvent", "update", NODE_STATE, name, old=state(name, old, found), new=state(name, new, {}), diff=diff
    )
    if log.preview:
        log.row(node, "File", CONFIG, "update", change="content")
        because = f"{CONFIG} changes"
        log.row(node, "UnitStep", UNIT, "update", action="restart", because=because, order=order)


def done(log: Log, node: str, *, failed: bool = False) -> None:
    """The end of the update that `flag` begins."""
    name = f"{node}-kubelet"
    kind = "resOpFailedEvent" if failed else "resOutputsEvent"
    log.step(kind, "update", NODE_STATE, name, new=state(name, {"node": node}))
