"""The NodeState resource: what one node must hold for one concern (wire form: provider/README.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from cluster.state import File, Reaction, Readiness, State
from components.machine import Machine


@dataclass(frozen=True)
class IssuedFile:
    """A file whose text is an Output, secret or not: a certificate or key made in this same plan."""

    content: pulumi.Input[str]
    mode: str = "0600"
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True)
class NodeStateArgs:
    """`state` as rendered; `issued_files`, by absolute path, are added to its files."""

    machine: Machine
    state: State
    issued_files: Mapping[str, IssuedFile] = field(default_factory=dict)


class NodeState(pulumi.CustomResource):
    """Files, directories and units of one node and concern, kept true over SSH by the provider in provider/.

    `revision` changes exactly when the desired state does: use it as a trigger.
    """

    revision: pulumi.Output[str]

    def __init__(self, name: str, args: NodeStateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        machine = args.machine
        files = {path: _file(file) for path, file in args.state.files.items()}
        files |= {
            path: {"content": file.content, "mode": file.mode, "owner": file.owner, "group": file.group}
            for path, file in args.issued_files.items()
        }
        props: dict[str, Any] = {
            "node": machine.name,
            "connection": {
                "host": machine.connection.host,
                "port": machine.connection.port,
                "user": machine.connection.user,
                "privateKey": machine.connection.private_key,
                "hostKey": machine.connection.host_key,
            },
            "machineId": machine.machine_id,
            "directories": {
                path: {"mode": directory.mode, "owner": directory.owner, "group": directory.group}
                for path, directory in args.state.directories.items()
            },
            "files": files,
            "units": {
                unit: {"enabled": state.enabled, "active": state.active} for unit, state in args.state.units.items()
            },
            "reactions": [_reaction(reaction) for reaction in args.state.reactions],
            "readiness": [_readiness(readiness) for readiness in args.state.readiness],
            "revision": None,
        }
        if (rollout := args.state.rollout) is not None:
            props["rollout"] = {"group": rollout.group, "atOnce": rollout.at_once}
            if rollout.guard is not None:
                props["rollout"]["guard"] = rollout.guard
            if rollout.members:
                props["rollout"]["members"] = list(rollout.members)
            if rollout.remaining is not None:
                props["rollout"]["remaining"] = rollout.remaining
        for key, commands in (("prepare", args.state.prepare), ("leave", args.state.leave)):
            if commands:
                props[key] = [{"unit": one.unit, "script": one.script} for one in commands]
        super().__init__("plumbline:index:NodeState", name, props, opts)


def _file(file: File) -> dict[str, Any]:
    if file.block:
        return {"content": file.content, "block": True}
    shape: dict[str, Any] = {"mode": file.mode, "owner": file.owner, "group": file.group}
    if file.source is None:
        return {"content": file.content, **shape}
    source = {"url": file.source.url, "sha256": file.source.sha256}
    if file.source.extract is not None:
        source["extract"] = file.source.extract
    return {"source": source, **shape}


def _reaction(reaction: Reaction) -> dict[str, Any]:
    shape: dict[str, Any] = {"unit": reaction.unit, "action": str(reaction.action), "files": list(reaction.files)}
    if reaction.served_at is not None:
        shape["servedAt"] = reaction.served_at
    if reaction.certificate is not None:
        shape["certificate"] = reaction.certificate
    return shape


def _readiness(readiness: Readiness) -> dict[str, Any]:
    shape: dict[str, Any] = {"unit": readiness.unit, "timeout": readiness.timeout}
    if readiness.http is not None:
        shape["http"] = readiness.http
    return shape
