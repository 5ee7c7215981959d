"""Virtual machines on libvirt, configured by Ignition on their first boot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_command as command
import pulumi_libvirt as libvirt
import pulumi_tls as tls

from cluster.config import model
from cluster.machine import addresses, ignition, operating_systems
from components.certificate_authority import private_key
from components.component import Component
from components.machine import COMMANDS, Connection, Machine

GIB = 1 << 30
# Kernel arguments of a direct kernel boot: the root file system, and for Ignition the first boot and the platform.
# pulumi-libvirt takes arguments without a value under the key "_", in a separate map.
KERNEL_ARGUMENTS = [
    {
        "root": "/dev/vda",
        "console": "ttyS0",
        "net.ifnames": "0",
        "ignition.firstboot": "1",
        "ignition.platform.id": "qemu",
    },
    {"_": "quiet rw"},
]


@dataclass(frozen=True)
class LibvirtMachinesArgs:
    """`cluster` is the cluster's name, which begins the names of network, pool and domains. `settings` are those of the VMs."""

    cluster: str
    nodes: Sequence[model.Node]
    settings: model.Libvirt


class LibvirtMachines(Component, token="plumbline:index:LibvirtMachines"):
    """A network, a pool, the base image, and per node a disk on top of it, an Ignition configuration and a domain.

    `machines` are by node name. The stack's own key logs in; each machine's host key is created here and pinned.
    A change of the Ignition configuration replaces disk and domain, because Ignition runs on the first boot only.
    """

    machines: Mapping[str, Machine]

    def __init__(self, name: str, args: LibvirtMachinesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        cluster, settings = args.cluster, args.settings
        self._name, self._cluster, self._settings = name, cluster, settings
        provider = libvirt.Provider(f"{name}-provider", uri=settings.uri, opts=self.child())
        # Names on the hypervisor are fixed, so the old resource must be deleted before the new one is created.
        self._options = {"provider": provider, "delete_before_replace": True}
        self._login = private_key(f"{name}-login", "ED25519", self.child())
        self._network = libvirt.Network(
            f"{name}-network",
            name=cluster,
            mode="nat",
            addresses=[str(settings.network)],
            bridge=settings.bridge,
            dhcp=libvirt.NetworkDhcpArgs(enabled=False),
            autostart=True,
            opts=self.child(**self._options),
        )
        self._pool = libvirt.Pool(
            f"{name}-pool",
            name=cluster,
            type="dir",
            target=libvirt.PoolTargetArgs(path=settings.pool),
            opts=self.child(**self._options),
        )
        self._base = self._base_volume()
        # Uploaded to the pool: the hypervisor may be another machine, or may not be allowed to read the local files.
        self._kernel = self._boot_volume("kernel", settings.image.kernel)
        self._initrd = self._boot_volume("initrd", settings.image.initrd)
        self.machines = {node.name: self._machine(node) for node in args.nodes}
        self.register_outputs({})

    def _base_volume(self) -> libvirt.Volume:
        """The image, uploaded once. Its checksum is in the name, so another image is another volume."""
        image = self._settings.image
        # Keep the text of image.sh: a change of it makes `stdout` unknown, and the preview then shows every disk replaced.
        checked = command.local.Command(
            f"{self._name}-image",
            create=(COMMANDS / "image.sh").read_text(),
            environment={"IMAGE": image.path, "SHA256": image.sha256},
            logging=command.local.Logging.NONE,
            add_previous_output_in_env=False,
            opts=self.child(),
        )
        return libvirt.Volume(
            f"{self._name}-base",
            name=f"base-{image.sha256[:12]}.qcow2",
            pool=self._pool.name,
            source=checked.stdout,
            format="qcow2",
            opts=self.child(**self._options),
        )

    def _boot_volume(self, name: str, file: str) -> libvirt.Volume | None:
        """A file of direct kernel boot, uploaded once per image; None if it is not configured."""
        if not file:
            return None
        return libvirt.Volume(
            f"{self._name}-{name}",
            name=f"{name}-{self._settings.image.sha256[:12]}",
            pool=self._pool.name,
            source=file,
            format="raw",
            opts=self.child(**self._options),
        )

    def _machine(self, node: model.Node) -> Machine:
        settings, name = self._settings, f"{self._name}-{node.name}"
        size = settings.sizes[node.name]
        host_key = private_key(f"{name}-host-key", "ED25519", self.child())
        configuration = self._ignition(name, node, host_key)
        disk = libvirt.Volume(
            f"{name}-disk",
            name=f"{node.name}.qcow2",
            pool=self._pool.name,
            base_volume_id=self._base.id,
            format="qcow2",
            size=size.disk * GIB,
            # Ignition runs on the first boot only: another configuration needs a new disk.
            opts=self.child(**self._options, replace_with=[configuration]),
        )
        domain = libvirt.Domain(
            f"{name}-domain",
            name=f"{self._cluster}-{node.name}",
            type=settings.domain_type,
            vcpu=size.vcpus,
            memory=size.memory,
            cpu=libvirt.DomainCpuArgs(mode="host-passthrough" if settings.domain_type == "kvm" else "maximum"),
            kernel=self._kernel.id if self._kernel else None,
            initrd=self._initrd.id if self._initrd else None,
            cmdlines=KERNEL_ARGUMENTS if self._kernel else None,
            coreos_ignition=configuration.id,
            fw_cfg_name=operating_systems.facts(settings).fw_cfg_name,
            disks=[libvirt.DomainDiskArgs(volume_id=disk.id)],
            network_interfaces=[
                libvirt.DomainNetworkInterfaceArgs(
                    network_id=self._network.id, mac=addresses.mac(self._cluster, node.name).upper()
                )
            ],
            consoles=[libvirt.DomainConsoleArgs(type="pty", target_port="0", target_type="serial")],
            graphics=libvirt.DomainGraphicsArgs(type="vnc", listen_type="address"),
            autostart=True,
            opts=self.child(**self._options),
        )
        connection = Connection(
            host=str(node.address),
            port=22,
            user=ignition.LOGIN_USER,
            private_key=pulumi.Output.secret(self._login.private_key_openssh),
            host_key=host_key.public_key_openssh.apply(lambda key: " ".join(key.split()[:2])),
        )
        return Machine(node.name, str(node.address), connection, machine_id=domain.id, resource=domain)

    def _ignition(self, name: str, node: model.Node, host_key: tls.PrivateKey) -> libvirt.Ignition:
        def content(keys: list[str]) -> str:
            login, private, public = keys
            authorized = [login, *self._settings.authorized_keys]
            return ignition.render(self._cluster, self._settings, node, authorized, private, public)

        rendered: pulumi.Output[str] = pulumi.Output.all(
            self._login.public_key_openssh, host_key.private_key_openssh, host_key.public_key_openssh
        ).apply(content)
        return libvirt.Ignition(
            f"{name}-ignition",
            name=f"{node.name}.ign",
            pool=self._pool.name,
            content=rendered,  # contains private keys: secret, also in the state
            opts=self.child(**self._options, additional_secret_outputs=["content"]),
        )
