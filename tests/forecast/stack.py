"""One Pulumi stack with the NodeStates of all nodes: preview and update, with the engine's events."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi import automation
from pulumi.automation.events import EngineEvent

import toolchain
from tests.declared import declared_elsewhere
from tests.forecast.forecast import Forecast, read
from tests.forecast.hosts import ROOT, Hosts
from tests.forecast.world import World

ORDER = ("runtime", "kubelet", "pod", "services", "other")
"""Each component of a node waits for the one before it."""


class Stack:
    """The stack. `worlds` is the desired state, which callers change between two runs."""

    def __init__(self, folder: Path, hosts: Hosts, worlds: Mapping[str, World]) -> None:
        (folder / "state").mkdir(parents=True)
        provider = {"name": "plumbline", "path": str(ROOT / "provider")}
        project = {"name": "forecast", "runtime": "python", "plugins": {"providers": [provider]}}
        # As in the program itself: every preview and update first looks at the nodes.
        (folder / "Pulumi.yaml").write_text(json.dumps({**project, "options": {"refresh": "always"}}))
        self.folder, self.hosts, self.worlds = folder, hosts, worlds
        self.trace = folder / "trace.jsonl"
        self.warnings: list[str] = []
        self.variables = {
            **toolchain.environment(folder),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "forecast",
            "PLUMBLINE_TRACE": str(self.trace),
            "PLUMBLINE_PYTHON": str(ROOT / ".venv/bin/python"),
        }
        self.variables.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
        os.environ["PATH"] = self.variables.get("PATH", os.environ["PATH"])
        if shutil.which("pulumi") is None:
            raise RuntimeError("there is no pulumi: run `make tools`")
        self._stack = automation.create_or_select_stack(
            stack_name="forecast",
            project_name="forecast",
            program=self._program,
            work_dir=str(folder),
            opts=automation.LocalWorkspaceOptions(work_dir=str(folder), env_vars=self.variables),
        )

    def preview(self, plan: Path | None = None) -> tuple[dict[str, Forecast], str]:
        """The forecast of a preview by node, and its errors if it failed. With `plan`, saves an update plan there."""
        events: list[EngineEvent] = []
        try:
            self._stack.preview(on_event=events.append, color="never", plan=str(plan) if plan else None)
        except automation.CommandError as error:
            return read(events), _errors(events, error)
        finally:
            told = [event.diagnostic_event for event in events if event.diagnostic_event]
            self.warnings = [one.message.strip() for one in told if one.severity == "warning"]
        return read(events), ""

    def up(self, plan: Path | None = None) -> str:
        """The errors of an update, nothing if it succeeded. With `plan`, it does only what that plan allows."""
        events: list[EngineEvent] = []
        planned = str(plan) if plan else None
        try:
            self._stack.up(on_event=events.append, color="never", plan=planned, continue_on_error=True)
        except automation.CommandError as error:
            return _errors(events, error)
        return ""

    def forget(self, world: World, component: str) -> None:
        """Removes a resource from the state, and nothing from the node."""
        deployment = self._stack.export_stack()
        stored = dict(deployment.deployment or {})
        resources = stored["resources"]
        gone = next((one["urn"] for one in resources if one["urn"].endswith(f"::{world.resource(component)}")), None)
        if gone is None:
            return  # both mutations of a pair
        kept = [one for one in resources if one["urn"] != gone and one.get("parent") != gone]
        for one in kept:
            one["dependencies"] = [urn for urn in one.get("dependencies", ()) if urn != gone]
            one["propertyDependencies"] = {
                key: [urn for urn in urns if urn != gone] for key, urns in one.get("propertyDependencies", {}).items()
            }
        deployment.deployment = {**stored, "resources": kept}
        self._stack.import_stack(deployment)

    def engines(self) -> Iterator[int]:
        """The processes of the engine and its plugins that work on this stack."""
        mark = f"PLUMBLINE_TRACE={self.trace}".encode()
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    yield int(entry.name)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue

    def unlock(self) -> None:
        """Removes the lock of a killed engine."""
        for lock in self.folder.glob("state/.pulumi/locks/**/*.json"):
            lock.unlink()

    def prepare(self, name: str) -> None:
        """A new host needs nothing: neither an agent nor Python."""

    def _program(self) -> None:
        for world in self.worlds.values():
            connection: dict[str, Any] = {**self.hosts.connection(world.node)}
            connection["privateKey"] = pulumi.Output.secret(self.hosts.private_key)
            before: pulumi.Resource | None = None
            named = {world.resource(component): one for component, one in world.components.items()}
            for component in ORDER:
                if component not in world.components:
                    continue
                inputs = {"node": world.node, "connection": connection, "revision": None, **world.components[component]}
                inputs["declaredElsewhere"] = declared_elsewhere(named, world.resource(component))
                inputs["files"] = {path: _marked(path, file) for path, file in inputs["files"].items()}
                before = pulumi.CustomResource(
                    "plumbline:index:NodeState",
                    world.resource(component),
                    inputs,
                    pulumi.ResourceOptions(depends_on=[before] if before else []),
                )


def _marked(path: str, file: dict[str, Any]) -> dict[str, Any]:
    """Private keys are secrets."""
    if "content" in file and path.endswith(("key", ".conf.secret")):
        return {**file, "content": pulumi.Output.secret(file["content"])}
    return file


def _errors(events: list[EngineEvent], error: automation.CommandError) -> str:
    """The messages of a failed run, one after another; all output if there is none."""
    told = [event.diagnostic_event for event in events if event.diagnostic_event]
    messages = [one.message.strip() for one in told if one.severity == "error" and one.urn]
    return "\n".join(messages) or str(error)
