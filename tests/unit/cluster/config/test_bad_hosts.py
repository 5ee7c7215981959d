"""Errors of existing hosts: private keys and pinned host keys, parsed before any host is contacted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import PrivateFormat

from cluster.config import ssh_keys
from cluster.config.load import load_config
from cluster.config.model import ExistingHosts
from tests.unit.cluster.config.conftest import Errors, changed
from tests.unit.keys import ECDSA, ED25519, ENCRYPTED, ENCRYPTED_OPENSSH, HOST_KEY, RSA, private_key, public_key

NEEDED = "an OpenSSH or PEM private key is needed"
GIVE = "an unencrypted OpenSSH or PEM private key"
ENCRYPTED_KEYS = {
    "OpenSSH": ENCRYPTED_OPENSSH,
    "PEM": private_key(ECDSA, PrivateFormat.TraditionalOpenSSL, ENCRYPTED),
    "PKCS8": private_key(RSA, PrivateFormat.PKCS8, ENCRYPTED),
}
GOOD_KEYS = {
    "OpenSSH ed25519": private_key(),
    "OpenSSH rsa": private_key(RSA),
    "PEM rsa": private_key(RSA, PrivateFormat.TraditionalOpenSSL),
    "PEM ecdsa": private_key(ECDSA, PrivateFormat.TraditionalOpenSSL),
    "PKCS8 ed25519": private_key(ED25519, PrivateFormat.PKCS8),
}
BAD_KEYS = {
    "empty": (b"", f"holds no private key: {NEEDED}"),
    "public": (f"{HOST_KEY} operator\n".encode(), f"holds a public key: {NEEDED}"),
    "PuTTY": (
        b"PuTTY-User-Key-File-3: ssh-ed25519\n",
        f"is a PuTTY key: {NEEDED} (`puttygen -O private-openssh` converts it)",
    ),
    "only its first line": (private_key().splitlines()[0], f"holds a damaged private key: {NEEDED}"),
    "of another curve": (
        private_key(ec.generate_private_key(ec.SECP256K1()), PrivateFormat.PKCS8),
        f"holds a key of a type that cannot be used: {NEEDED} (ed25519, ecdsa or rsa)",
    ),
    "cut short": (private_key()[:200], f"holds a damaged private key: {NEEDED}"),
}
DAMAGED = "is not an SSH public key of type ssh-ed25519: its base64 text is cut short or damaged"
BAD_HOST_KEYS = {
    "cut by 4 characters": (HOST_KEY[:-4], DAMAGED),
    "cut by 12 characters": (HOST_KEY[:-12], DAMAGED),
    "with an odd number of characters": (HOST_KEY[:-1], DAMAGED),
    "longer than a key": (f"{HOST_KEY}AAAA", DAMAGED),
    "type without a key": ("ssh-ed25519", f"is not an SSH public key: {ssh_keys.HOST_KEY}"),
    "of another type": (
        HOST_KEY.replace("ssh-ed25519", "ecdsa-sha2-nistp256"),
        "is not an SSH public key of type ecdsa-sha2-nistp256: its base64 text is of type ssh-ed25519",
    ),
    "two lines": (
        f"{HOST_KEY}\n{public_key(ECDSA)}\n",
        "holds 2 lines: pin one key, the host's ssh-ed25519 key if it has one",
    ),
    "as ssh-keyscan prints it": (
        f"192.0.2.11 {HOST_KEY}",
        "begins with '192.0.2.11': remove the part that ssh-keyscan prints before ssh-ed25519",
    ),
    "RSA": (public_key(RSA), ssh_keys.RSA_HOST_KEY),
}
FILE = {
    "machines/ssh/hostKey": None,
    "nodes/m1/ssh": {"hostKeyFile": "host.pub"},
    "nodes/w1/ssh": {"hostKey": HOST_KEY},
}
PLACES: dict[str, tuple[dict[str, Any], str]] = {
    "machines.ssh": ({}, "machines.ssh.hostKey: "),
    "node": ({}, "nodes.w1.ssh.hostKey: "),
    "file": (FILE, "nodes.m1.ssh.hostKeyFile: host.pub "),
}
CASES: list[tuple[str, dict[str, Any], str]] = [
    (
        "unreadable key",
        {"machines/ssh/privateKeyFile": "absent"},
        f"machines.ssh.privateKeyFile: absent cannot be read (no such file or directory): {NEEDED}",
    ),
    (
        "unreadable key of one node",
        {"nodes/w1/ssh": {"privateKeyFile": "absent"}},
        f"nodes.w1.ssh.privateKeyFile: absent cannot be read (no such file or directory): {NEEDED}",
    ),
    (
        "no key in the file",
        {"machines/ssh/privateKeyFile": "nokey"},
        f"machines.ssh.privateKeyFile: nokey holds no private key: {NEEDED}",
    ),
    (
        "no key file",
        {"machines/ssh/privateKeyFile": None},
        "nodes.m1.ssh.privateKeyFile: is missing: the file of the private key to log in with "
        "(or machines.ssh.privateKeyFile), or agent: true",
    ),
    (
        "no host key",
        {"machines/ssh/hostKey": None},
        "nodes.m1.ssh.hostKey: is missing: the host's public key, as in its /etc/ssh/ssh_host_ed25519_key.pub",
    ),
    (
        "host key twice",
        {"nodes/w1/ssh": {"hostKey": HOST_KEY, "hostKeyFile": "host.pub"}},
        "nodes.w1.ssh.hostKeyFile: is set together with hostKey: set one of them",
    ),
    (
        "no host key file",
        {"nodes/w1/ssh": {"hostKeyFile": "absent.pub"}},
        "nodes.w1.ssh.hostKeyFile: absent.pub cannot be read (no such file or directory); for the lab's hosts `make up` "
        "writes it",
    ),
    *(
        (
            f"user {user!r}",
            {"machines/ssh/user": user},
            f"machines.ssh.user: '{user}' is not a login name: letters, digits and ._@-, not beginning with -",
        )
        for user in ("", "-oProxyCommand=x", "core user")
    ),
    ("port out of range", {"nodes/w1/ssh": {"port": 70000}}, "nodes.w1.ssh.port: 70000 is not between 1 and 65535"),
    (
        "size of an existing host",
        {"nodes/w1/machine": {"vcpus": 2}},
        "nodes.w1.machine: is for machines.source libvirt; the size of an existing host cannot be set",
    ),
    (
        "libvirt settings",
        {"machines/libvirt": {"uri": "qemu:///system"}},
        "machines.libvirt: is for machines.source libvirt; existing hosts are set by machines.ssh",
    ),
    (
        "node address in the pod network",
        {"nodes/w1/address": "10.2.0.9"},
        "nodes.w1.address: 10.2.0.9 is in network.podCIDR (10.2.0.0/16): a node's address must be outside it",
    ),
    *(
        (
            f"address {address}",
            {"nodes/w1/address": address},
            f"nodes.w1.address: {address} is in {network}: it must be a unicast address that other machines reach",
        )
        for address, network in (
            ("127.0.0.1", "127.0.0.0/8 (loopback addresses)"),
            ("0.0.0.0", "0.0.0.0/8 (unspecified addresses)"),
            ("224.0.0.1", "224.0.0.0/4 (multicast addresses)"),
        )
    ),
    (
        "node address in the service network",
        {"nodes/w1/address": "10.3.0.9"},
        "nodes.w1.address: 10.3.0.9 is in network.serviceCIDR (10.3.0.0/16): a node's address must be outside it",
    ),
    (
        "one address on two ports",
        {"nodes/w1/address": "192.0.2.11", "nodes/w1/ssh": {"port": 2222}},
        "nodes.w1.address: 192.0.2.11 is the address of m1 already",
    ),
]


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_load_config_refuses(existing_errors: Errors, change: dict[str, Any], message: str) -> None:
    assert message in existing_errors(change)


@pytest.mark.parametrize("text", ENCRYPTED_KEYS.values(), ids=ENCRYPTED_KEYS)
def test_load_config_refuses_an_encrypted_private_key(existing_errors: Errors, root: Path, text: bytes) -> None:
    (root / "id").write_bytes(text)
    message = f"machines.ssh.privateKeyFile: id is encrypted with a passphrase: set privateKeyPassphrase, a secret, or give {GIVE}"
    assert existing_errors({}) == (message,), "one error, at the key that names the file"


@pytest.mark.parametrize(("text", "wrong"), BAD_KEYS.values(), ids=BAD_KEYS)
def test_load_config_refuses_an_invalid_private_key(
    existing_errors: Errors, root: Path, text: bytes, wrong: str
) -> None:
    (root / "id").write_bytes(text)
    assert existing_errors({}) == (f"machines.ssh.privateKeyFile: id {wrong}",)


@pytest.mark.parametrize("text", GOOD_KEYS.values(), ids=GOOD_KEYS)
def test_load_config_accepts_a_private_key(existing_errors: Errors, root: Path, text: bytes) -> None:
    (root / "id").write_bytes(text)
    assert existing_errors({}) == ()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("text", "wrong"), BAD_HOST_KEYS.values(), ids=BAD_HOST_KEYS)
def test_load_config_refuses_a_host_key(existing_errors: Errors, root: Path, place: str, text: str, wrong: str) -> None:
    (root / "host.pub").write_text(text)
    change, path = PLACES[place]
    keys = {"machines.ssh": "machines/ssh/hostKey", "node": "nodes/w1/ssh"}
    if place in keys:
        change = {keys[place]: text if place == "machines.ssh" else {"hostKey": text}}
    assert f"{path}{wrong}" in existing_errors(change)


@pytest.mark.parametrize("text", [HOST_KEY, public_key(ECDSA)], ids=["ed25519", "ecdsa"])
def test_load_config_pins_a_host_key_without_its_comment(existing: dict[str, Any], root: Path, text: str) -> None:
    (root / "host.pub").write_text(f"# a comment\n{text} root@m1\n")
    machines = load_config(changed(existing, FILE), root).machines
    assert isinstance(machines, ExistingHosts)
    assert machines.hosts["m1"].host_key == text
