"""ObjectSets under a real engine, through a real sshd, against a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import automation

from provider.objects.manifest import Ref
from tests.api import server
from tests.provider import sshd
from tests.provider.conftest import Bench, reached

Manifest = dict[str, Any]


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[server.ApiServer]:
    with server.running(tmp_path_factory.mktemp("api")) as running:
        yield running


class Sets(Bench):
    """A stack of one set. `manifests` are its objects; `inputs` are added to its other inputs."""

    def __init__(self, folder: Path, api: server.ApiServer, nodes: dict[str, sshd.Sshd]) -> None:
        super().__init__(folder, dict(nodes), Path("/"))
        self.api = api
        self.manifests: list[Manifest] = []
        self.inputs: dict[str, Any] = {"waitSeconds": 0}
        self.kubeconfig = api.kubeconfig

    def servers(self) -> list[dict[str, Any]]:
        """The control-plane nodes as inputs."""
        return [
            {
                "node": name,
                "address": "127.0.0.1",
                "port": self.api.port,
                "connection": {**found, "privateKey": pulumi.Output.secret(found["privateKey"])},
            }
            for name, found in self.connections.items()
        ]

    def _program(self) -> None:
        inputs = {
            "name": "proof",
            "servers": self.servers(),
            "kubeconfig": pulumi.Output.secret(self.kubeconfig),
            "objects": {str(Ref.of(one)): self._values(one) for one in self.manifests},
            **self.inputs,
        }
        pulumi.CustomResource("plumbline:index:ObjectSet", "proof", inputs)

    def _values(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._values(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self._values(one) for one in value]
        return self._value(value)

    def rows(self, refresh: bool = False) -> dict[str, dict[str, Any]]:
        """The rows of `preview`, by object: operation and facts."""
        found: dict[str, dict[str, Any]] = {}

        def note(event: automation.EngineEvent) -> None:
            if event.resource_pre_event is not None:
                step = event.resource_pre_event.metadata
                if "plumbline:index:Object::" in step.urn:
                    facts = (step.new.inputs if step.new is not None else None) or {}
                    name = step.urn.rpartition("plumbline:index:Object::")[2].removeprefix("proof:")
                    found[name] = {"op": str(step.op.value), **facts}

        output = self.printed.append
        reached(
            lambda: self.stack.preview(on_output=output, on_error=output, on_event=note, refresh=refresh, color="never")
        )
        return found


@pytest.fixture
def sets(tmp_path: Path, api: server.ApiServer) -> Iterator[Sets]:
    login = sshd.start(tmp_path / "sshd")
    made = Sets(tmp_path / "bench", api, {"m1": login})
    yield made
    made.manifests = []
    made.up()
    made.destroy()
    login.stop()
