"""Three etcd members on container hosts, managed by the shipped provider as the program plans them: no kubelet, no API."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

import pulumi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from builder import golang
from cluster import commands
from cluster.config.model import Cluster, Node
from cluster.node import etcd
from cluster.pki.leaves import leaves
from cluster.step import Part
from components.command import Command, CommandArgs
from components.machine import Connection, Machine
from lab import build, hosts, keys, netns, parts
from lab.context import Lab
from lab.stack import Host
from nodestate import NodeState, to_wire
from tests import clusters
from tests.provider.conftest import Bench

ADDRESSES = {"m1": "10.78.0.11", "m2": "10.78.0.12", "m3": "10.78.0.13"}
VALID = timedelta(days=300)


class Hosts:
    """The booted hosts. `addresses` are the present ones; `ports` lead to their sshd from outside the namespace."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.addresses = dict(ADDRESSES)
        self.ports: dict[str, int] = {}

    def run(self, name: str, script: str, check: bool = True) -> str:
        """The output of a script, run there as root."""
        login = keys.login(self.lab, ADDRESSES[name], f"sudo -n sh -euc {shlex.quote(script)}")
        # Known hosts are by first address.
        target = [word.replace(f"@{ADDRESSES[name]}", f"@{self.addresses[name]}") for word in login]
        target[1:1] = ["-o", f"HostKeyAlias={ADDRESSES[name]}"]
        done = subprocess.run(
            netns.enter(self.lab, target),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )
        assert not check or done.returncode == 0, f"{name}: {script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def push(self, name: str, file: Path, path: str) -> None:
        """Copies a program to a host."""
        into = f"sudo -n sh -c 'mkdir -p {Path(path).parent}; cat >{path}; chmod 755 {path}'"
        with file.open("rb") as content:
            subprocess.run(
                netns.enter(self.lab, keys.login(self.lab, ADDRESSES[name], into)),
                stdin=content,
                check=True,
                timeout=60,
            )

    def readdress(self, name: str, address: str) -> None:
        """Gives a host another address in place of the former one."""
        former = self.addresses[name]
        self.run(
            name, f"ip address add {address}/24 dev host0; echo 1 >/proc/sys/net/ipv4/conf/host0/promote_secondaries"
        )
        self.addresses[name] = address
        self.run(name, f"ip address delete {former}/24 dev host0; ip route replace default via 10.78.0.1")

    def connection(self, name: str) -> dict[str, Any]:
        """The connection as NodeState takes it."""
        public = (self.lab.hosts / name / "ssh_host_ed25519_key.pub").read_text()
        return {
            "host": "127.0.0.1",
            "port": self.ports[name],
            "user": "core",
            "privateKey": keys.user_key(self.lab).read_text(),
            "hostKey": " ".join(public.split()[:2]),
        }

    def etcdctl(self, name: str, words: str, check: bool = True) -> str:
        """etcdctl on a host, with its local member."""
        from cluster.node.binaries import Binaries

        return self.run(name, f"{etcd.etcdctl(Binaries(), etcd.LOCAL)} {words}", check)

    def listed(self, name: str) -> dict[str, str]:
        """The member list as one host's member has it: peer URLs by name."""
        found = json.loads(self.etcdctl(name, "member list --write-out json"))
        return {one.get("name", "-"): ",".join(one["peerURLs"]) for one in found["members"]}


@contextmanager
def booted(project: Path, name: str) -> Iterator[Hosts]:
    """Boots the hosts with etcd's programs in place; ends them and their network when done."""
    project.mkdir(parents=True, exist_ok=True)
    lab = Lab(project, name)
    netns.ensure(lab)
    made = Hosts(lab)
    servers: list[socket.socket] = []
    try:
        hosts.up(lab, [Host(name, IPv4Address(address)) for name, address in ADDRESSES.items()])
        [part] = [one for one in parts.PARTS if one.folder == "etcd"]
        folder = build.build_part(part, build.ARTIFACTS / part.folder, golang.find())
        for name in ADDRESSES:
            for program in ("etcd", "etcdctl"):
                [file] = [found for found in folder.rglob(program) if found.is_file()]
                made.push(name, file, f"/opt/bin/{program}")
            server = socket.create_server(("127.0.0.1", 0))
            servers.append(server)
            made.ports[name] = server.getsockname()[1]
            threading.Thread(target=_forward, args=(made, name, server), daemon=True).start()
        yield made
    finally:
        for server in servers:
            server.close()
        hosts.down(lab)
        netns.remove(lab)


def _forward(made: Hosts, name: str, server: socket.socket) -> None:
    """Leads every connection to the host's sshd at its present address, until the server is closed."""
    from tests.provider.container import _pump

    while True:
        try:
            near, _ = server.accept()
        except OSError:
            return
        try:
            far = netns.call(made.lab, lambda: socket.create_connection((made.addresses[name], 22), timeout=30))
        except OSError:
            near.close()
            continue
        far.settimeout(None)
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


class Issuer:
    """An etcd CA. Leaves are made again only if their names change, or when `renew` was called: as the program does."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "etcd-ca")])
        self._ca = self._sign(name, self._key.public_key(), name, VALID, ca=True, uses=())
        self._made: dict[str, tuple[tuple[Any, ...], str, str]] = {}
        self.valid = VALID

    def renew(self, valid: timedelta = VALID) -> None:
        """The next leaves are new ones, valid for this long."""
        self._made.clear()
        self.valid = valid

    def text(self, cluster: Cluster, of: str, part: Part) -> str:
        """The text of an issued file."""
        if of == "etcd-ca":
            return self._ca
        [leaf] = [one for one in leaves(cluster) if one.name == of]
        names = (leaf.dns_names, leaf.ip_addresses)
        if of not in self._made or self._made[of][0] != names:
            key = ec.generate_private_key(ec.SECP256R1())
            subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, leaf.common_name)])
            issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "etcd-ca")])
            signed = self._sign(subject, key.public_key(), issuer, self.valid, False, names[0] + names[1])
            written = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode()
            self._made[of] = (names, signed, written)
        _, pem, private = self._made[of]
        return pem if part is Part.CERTIFICATE else private

    def _sign(
        self, subject: x509.Name, key: Any, issuer: x509.Name, valid: timedelta, ca: bool, uses: tuple[str, ...]
    ) -> str:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(
            issuer, subject, key, x509.random_serial_number(), now - timedelta(minutes=1), now + valid
        ).add_extension(x509.BasicConstraints(ca, None), critical=True)
        if uses:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general(one) for one in uses]), critical=False
            )
        if not ca:
            extended = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Members(Bench):
    """The stack of the members: per member its planned NodeState and its membership step."""

    def __init__(self, folder: Path, made: Hosts) -> None:
        self.hosts = made
        self.names = list(ADDRESSES)
        self.issuer = Issuer()
        self.settings: dict[str, Any] = {}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "id").write_text(keys.user_key(made.lab).read_text())
        (folder / "id").chmod(0o600)
        self._configuration = folder
        super().__init__(folder / "bench", {}, Path("/etc/etcd"))

    def cluster(self) -> Cluster:
        """The cluster with the hosts' present addresses."""
        values = clusters.values()
        values["machines"] = {"source": "existing", "ssh": {"user": "core", "privateKeyFile": "id"}}
        values["nodes"] = {
            name: {
                "role": "control-plane",
                "address": self.hosts.addresses[name],
                "ssh": {"hostKey": self.hosts.connection(name)["hostKey"]},
            }
            for name in self.names
        }
        values["etcd"] = self.settings
        return clusters.load(self._configuration, values)

    def _program(self) -> None:
        cluster = self.cluster()
        made = {node.name: self._member(cluster, node) for node in cluster.control_plane_nodes()}
        for node in cluster.control_plane_nodes():
            step = commands.etcd_membership(cluster, node)
            found = self.hosts.connection(step.node)
            record = Connection(
                found["host"], found["port"], found["user"], pulumi.Output.secret(found["privateKey"]), found["hostKey"]
            )
            Command(
                step.name,
                CommandArgs(Machine(step.node, found["host"], record), step.script, step.undo),
                pulumi.ResourceOptions(depends_on=list(made.values())),
            )

    def _member(self, cluster: Cluster, node: Node) -> pulumi.CustomResource:
        step = etcd.plan(cluster, node)
        inputs = to_wire(_without_downloads(step.state))
        for file in step.issued:
            text = self.issuer.text(cluster, file.text.of, file.text.part)
            inputs["files"][file.path] = {
                **{"mode": file.mode, "owner": file.owner, "group": file.owner},
                "content": pulumi.Output.secret(text) if file.text.part.secret else text,
            }
        connection = self.hosts.connection(node.name)
        connection["privateKey"] = pulumi.Output.secret(connection["privateKey"])
        return pulumi.CustomResource(
            "plumbline:index:NodeState",
            step.name,
            {**inputs, "node": node.name, "connection": connection, "revision": None},
        )


def _without_downloads(state: NodeState) -> NodeState:
    """The state without programs: they are in place already."""
    files = {path: file for path, file in state.files.items() if file.source is None}
    issued = ("/etc/etcd/pki/",)
    reactions = tuple(
        replace(one, files=tuple(path for path in one.files if path in files or path.startswith(issued)))
        for one in state.reactions
    )
    return replace(state, files=files, reactions=reactions)
