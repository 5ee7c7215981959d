"""A stack of several components on one node, and a relay to a node that can be cut."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pulumi

from tests.declared import declared_elsewhere
from tests.provider.conftest import Bench, Reached
from tests.provider.container import relay


class Components(Bench):
    """One NodeState per component of the node n1, each with its files, directories and units."""

    def __init__(self, folder: Path, node: Reached) -> None:
        super().__init__(folder, {"n1": node}, Path("/etc/proof"))
        self.components: dict[str, dict[str, Any]] = {}
        self.after: dict[str, str] = {}
        """By component: the one that it depends on."""

    def _program(self) -> None:
        made: dict[str, pulumi.Resource] = {}
        for name in sorted(self.components, key=lambda one: one in self.after):
            before = [made[self.after[name]]] if name in self.after else []
            made[name] = pulumi.CustomResource(
                "plumbline:index:NodeState",
                name,
                {
                    "node": "n1",
                    "connection": {
                        **self.connection,
                        "privateKey": pulumi.Output.secret(self.connection["privateKey"]),
                    },
                    "directories": {},
                    "files": {},
                    "units": {},
                    "reactions": [],
                    "readiness": [],
                    "revision": None,
                    **self.components[name],
                    "declaredElsewhere": declared_elsewhere(self.components, name),
                },
                pulumi.ResourceOptions(depends_on=before),
            )


class Relay:
    """A node reached through a port of this machine, whose connections can be cut and refused."""

    def __init__(self, node: Reached) -> None:
        self._node = node
        self._open: list[socket.socket] = []
        self.refusing = False
        self._server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    def connection(self) -> dict[str, Any]:
        """The node's connection, by way of this relay."""
        return {**self._node.connection(), "port": self._server.getsockname()[1]}

    def cut(self, refuse: bool = False) -> None:
        """Ends every connection; with `refuse`, no other comes about."""
        self.refusing = refuse
        while self._open:
            _shut(self._open.pop())

    def close(self) -> None:
        """Ends the relay."""
        self.cut(refuse=True)
        self._server.close()

    def _serve(self) -> None:
        at = self._node.connection()
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if self.refusing:
                near.close()
                continue
            far = socket.create_connection((at["host"], at["port"]))
            self._open += [near, far]
            relay(near, far)


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
