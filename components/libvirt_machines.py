"""Virtual machines on libvirt, configured by Ignition on their first boot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_libvirt as libvirt
import pulumi_tls as tls

from cluster import addresses, ignition, model
from components.certificate_authority import private_key
from components.component import Component
from components.machine import Connection, Machine


@dataclass(frozen=True)
class LibvirtMachinesArgs:
    """A configuration whose source is libvirt."""

    cluster: model.Cluster


class LibvirtMachines(Component):
    """A network, a pool, the base image, and for each node a disk over it, an Ignition configuration and a domain.

    `machines` by node name: logged in to by a key of this stack's own, with a pinned host key made here.
    """

    machines: Mapping[str, Machine]

    def __init__(self, name: str, args: LibvirtMachinesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        cluster = args.cluster
        assert cluster.libvirt is not None, "the source is libvirt"
        self._settings = cluster.libvirt
        super().__init__(name, opts)
        self.register_outputs({})
