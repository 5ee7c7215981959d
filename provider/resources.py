"""The resources by type, which share a connection to each node."""

from __future__ import annotations

from nodestate import vocabulary
from provider.command_resource import Commands
from provider.engine import Engine
from provider.objects.registration import NodeRegistrations
from provider.objects.resource import ObjectSets
from provider.objects.servers import ApiServers
from provider.plumbline import Resource
from provider.preflight_resource import Preflights
from provider.provider import NodeStates
from provider.ssh import SshPool


class Resources:
    """Serves one run of the engine. `by_type` has the operations of each type."""

    def __init__(self, engine: Engine) -> None:
        pool = SshPool()
        servers = ApiServers(engine, pool)
        self._node_states = NodeStates(engine, pool)
        self.by_type: dict[str, Resource] = {
            vocabulary.NODE_STATE: self._node_states,
            vocabulary.COMMAND: Commands(engine, pool),
            vocabulary.PREFLIGHT: Preflights(engine, pool),
            vocabulary.OBJECT_SET: ObjectSets(engine, servers),
            vocabulary.NODE_REGISTRATION: NodeRegistrations(engine, servers),
        }

    def interrupt(self) -> None:
        """Lets no operation begin that has not begun yet."""
        self._node_states.interrupt()
