"""How existing hosts are reached: other addresses, bastions, passphrases, certificates, an agent, sudo, client configurations."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat, load_pem_private_key

from cluster.config.load import ConfigError, load_config
from cluster.config.model import ExistingHosts
from cluster.machine.existing import connection
from nodestate import Connection, Secret
from tests.unit.cluster.config.conftest import changed
from tests.unit.keys import ECDSA, ED25519, ENCRYPTED, ENCRYPTED_OPENSSH, HOST_KEY, RSA, private_key, public_key

OTHER = public_key(ECDSA)
BASTION = {"host": "192.0.2.1", "port": 2222, "user": "jump", "hostKey": f"{OTHER} a comment"}
PASSPHRASE = "a passphrase"


def loaded(values: dict[str, Any], root: Path, node: str = "w1") -> Connection:
    found = load_config(values, root, secrets=["machines", "nodes"])
    assert isinstance(found.machines, ExistingHosts)
    [one] = [one for one in found.nodes if one.name == node]
    return connection(one, found.machines.hosts[node])


def errors(values: dict[str, Any], root: Path, secrets: tuple[str, ...] = ("machines", "nodes")) -> str:
    with pytest.raises(ConfigError) as raised:
        load_config(values, root, secrets=secrets)
    return "\n".join(map(str, raised.value.errors))


def signed(root: Path, name: str, *options: str) -> Path:
    """A certificate of the public key in `name`.pub, by a CA made here."""
    if not (root / "ca").exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(root / "ca")], check=True)
    (root / f"{name}.pub").write_text(public_key(ED25519))
    subprocess.run(
        ["ssh-keygen", "-q", "-s", str(root / "ca"), "-I", "a", *options, str(root / f"{name}.pub")], check=True
    )
    return root / f"{name}-cert.pub"


def test_a_plain_host_is_reached_at_its_address(existing: dict[str, Any], root: Path) -> None:
    found = loaded(existing, root)
    assert (found.host, found.port, found.user, found.bastions) == ("192.0.2.21", 22, "core", ())
    assert found.private_key == Secret((root / "id").read_text())
    assert (found.agent, found.certificate, found.sudo_password, found.host_ca_key) == (False, None, None, None)


def test_ssh_host_is_apart_from_the_address(existing: dict[str, Any], root: Path) -> None:
    assert loaded(changed(existing, {"nodes/w1/ssh": {"host": "w1.example.net"}}), root).host == "w1.example.net"


def test_bastions_take_over_the_login_of_the_host(existing: dict[str, Any], root: Path) -> None:
    (root / "second").write_bytes(private_key(RSA))
    second = {"host": "10.0.0.9", "hostKey": HOST_KEY, "privateKeyFile": "second"}
    found = loaded(changed(existing, {"machines/ssh/bastions": [BASTION, second]}), root)
    first, inner = found.bastions
    assert (first.host, first.port, first.user, first.host_key) == ("192.0.2.1", 2222, "jump", OTHER)
    assert first.private_key == found.private_key
    assert (inner.host, inner.port, inner.user) == ("10.0.0.9", 22, "core")
    assert inner.private_key == Secret((root / "second").read_text())
    none = changed(existing, {"machines/ssh/bastions": [BASTION], "nodes/w1/ssh": {"bastions": []}})
    assert loaded(none, root).bastions == ()
    assert len(loaded(none, root, "m1").bastions) == 1


def test_each_bastion_has_a_pinned_key(existing: dict[str, Any], root: Path) -> None:
    values = changed(existing, {"machines/ssh/bastions": [{"host": "192.0.2.1"}, {"hostKey": HOST_KEY}, "192.0.2.2"]})
    found = errors(values, root)
    assert "machines.ssh.bastions[0].hostKey: is missing: the bastion's public key" in found
    assert "machines.ssh.bastions[1].host: is missing: the bastion's address" in found
    assert "machines.ssh.bastions[2]: is text, not an object" in found
    del values["machines"]["ssh"]["bastions"]
    found = errors(changed(values, {"nodes/w1/ssh": {"bastions": [{**BASTION, "hostkey": "x"}]}}), root)
    assert found == "nodes.w1.ssh.bastions[0].hostkey: is not a known key; did you mean hostKey?"


@pytest.mark.parametrize("form", ["OpenSSH", "PEM"])
def test_an_encrypted_key_needs_its_passphrase(existing: dict[str, Any], root: Path, form: str) -> None:
    text = ENCRYPTED_OPENSSH if form == "OpenSSH" else private_key(ECDSA, PrivateFormat.PKCS8, ENCRYPTED)
    (root / "id").write_bytes(text)
    found = loaded(changed(existing, {"machines/ssh/privateKeyPassphrase": PASSPHRASE}), root)
    assert found.private_key is not None
    load_pem_private_key(found.private_key.reveal().encode(), password=None)
    again = loaded(changed(existing, {"machines/ssh/privateKeyPassphrase": PASSPHRASE}), root)
    assert again == found, "the same text in each run"
    wrong = errors(changed(existing, {"machines/ssh/privateKeyPassphrase": "wrong-passphrase"}), root)
    assert wrong == (
        "machines.ssh.privateKeyPassphrase: id is not opened by privateKeyPassphrase: set the passphrase of this file"
    )


def test_a_passphrase_of_the_shared_key_is_no_error_for_a_plain_one(existing: dict[str, Any], root: Path) -> None:
    """A pipeline writes the key from the state, where it is not encrypted: the connection must be the same."""
    (root / "id").write_bytes(private_key(ECDSA, PrivateFormat.PKCS8, ENCRYPTED))
    values = changed(existing, {"machines/ssh/privateKeyPassphrase": PASSPHRASE})
    encrypted = loaded(values, root)
    (root / "id").write_bytes(private_key(ECDSA))
    assert loaded(values, root) == encrypted


@pytest.mark.parametrize("key", ["sudoPassword", "privateKeyPassphrase"])
def test_a_password_in_plain_text_is_refused_and_not_shown(existing: dict[str, Any], root: Path, key: str) -> None:
    found = errors(changed(existing, {"nodes/w1/ssh": {key: "hunter2-plain"}}), root, secrets=())
    assert found == (
        f"nodes.w1.ssh.{key}: is not encrypted: set it by `pulumi config set --secret --path 'plumbline:nodes.w1.ssh.{key}'`"
    )
    number = errors(changed(existing, {"nodes/w1/ssh": {key: 4711}}), root)
    assert "is not a text" in number
    assert "4711" not in number


def test_a_password_is_a_secret_and_unknown_without_the_engine(existing: dict[str, Any], root: Path) -> None:
    found = loaded(changed(existing, {"machines/ssh/sudoPassword": "hunter2"}), root)
    assert found.sudo_password == Secret("hunter2")
    assert "hunter2" not in repr(found)
    encrypted = changed(existing, {"machines/ssh/sudoPassword": {"secure": "v1:abc"}})
    load_config(encrypted, root, reads_files=False)
    assert "machines.ssh.sudoPassword: is not a text" in errors(encrypted, root)


def test_a_certificate_goes_with_its_key(existing: dict[str, Any], root: Path) -> None:
    certificate = signed(root, "id", "-n", "core")
    found = loaded(changed(existing, {"machines/ssh/certificateFile": "id-cert.pub"}), root)
    assert found.certificate == certificate.read_text()
    host = signed(root, "other", "-h", "-n", "w1")
    for values, message in (
        ({"machines/ssh/certificateFile": str(host)}, "other-cert.pub holds a host's certificate"),
        ({"machines/ssh/certificateFile": "id.pub"}, "id.pub holds a public key"),
        ({"machines/ssh/certificateFile": "id"}, "id holds no SSH certificate"),
        ({"machines/ssh/certificateFile": "absent"}, "absent cannot be read (no such file or directory)"),
    ):
        assert f"machines.ssh.certificateFile: {message}" in errors(changed(existing, values), root)
    (root / "id").write_bytes(private_key(ECDSA))
    found_error = errors(changed(existing, {"machines/ssh/certificateFile": "id-cert.pub"}), root)
    assert "id-cert.pub is the certificate of another key than id" in found_error


def test_an_agent_takes_the_place_of_a_key(existing: dict[str, Any], root: Path) -> None:
    values = changed(existing, {"machines/ssh/privateKeyFile": None, "machines/ssh/agent": True})
    found = loaded(changed(values, {"machines/ssh/agentKey": HOST_KEY}), root)
    assert (found.private_key, found.agent, found.agent_key) == (None, True, HOST_KEY)
    assert "machines.ssh.agentKey: is not one SSH public key" in errors(
        changed(values, {"machines/ssh/agentKey": "x"}), root
    )


def test_a_ca_takes_the_place_of_a_pinned_key(existing: dict[str, Any], root: Path) -> None:
    values = changed(existing, {"machines/ssh/hostKey": None, "machines/ssh/hostCaKey": OTHER})
    found = loaded(values, root)
    assert (found.host_key, found.host_ca_key) == (None, OTHER)


CLIENT = """
Host w1
  HostName 198.51.100.21
  User admin
  Port 2200
  IdentityFile {root}/second
  ProxyJump edge,inner:2022
Host edge
  HostName edge.example.net
  User jump
Host inner
  HostName 10.0.0.9
Host *
  UserKnownHostsFile {root}/known
"""


def client(root: Path, known: str | None = None) -> dict[str, Any]:
    """Writes a client configuration; returns the settings that name it."""
    (root / "second").write_bytes(private_key(RSA))
    (root / "config").write_text(CLIENT.format(root=root))
    lines = f"[198.51.100.21]:2200 {HOST_KEY}\nedge.example.net {OTHER}\n@cert-authority 10.0.0.9 {OTHER}\n"
    (root / "known").write_text(lines if known is None else known)
    return {"machines/ssh/configFile": "config", "machines/ssh/hostKey": None, "nodes/m1/ssh": {"hostKey": HOST_KEY}}


def test_an_alias_of_the_client_configuration(existing: dict[str, Any], root: Path) -> None:
    values = changed(existing, {**client(root)})
    del values["machines"]["ssh"]["privateKeyFile"]
    values = changed(values, {"nodes/m1/ssh": {"hostKey": HOST_KEY, "privateKeyFile": "id"}})
    found = loaded(values, root)
    assert (found.host, found.port, found.user, found.host_key) == ("198.51.100.21", 2200, "admin", HOST_KEY)
    assert found.private_key == Secret((root / "second").read_text())
    edge, inner = found.bastions
    assert (edge.host, edge.user, edge.host_key) == ("edge.example.net", "jump", OTHER)
    assert (inner.host, inner.host_key, inner.host_ca_key) == ("10.0.0.9", None, OTHER)
    other = loaded(values, root, "m1")
    assert (other.host, other.bastions) == ("192.0.2.11", ()), "it says nothing of this node"


def test_an_agent_takes_the_place_of_key_files_of_the_client_configuration(
    existing: dict[str, Any], root: Path
) -> None:
    values = changed(existing, {**client(root), "machines/ssh/agent": True})
    del values["machines"]["ssh"]["privateKeyFile"]
    (root / "second").write_bytes(ENCRYPTED_OPENSSH)
    found = loaded(values, root)
    assert (found.private_key, found.agent) == (None, True)
    assert all(one.agent and one.private_key is None for one in found.bastions)


def test_keys_of_the_stack_win_over_the_client_configuration(existing: dict[str, Any], root: Path) -> None:
    values = changed(existing, {**client(root), "machines/ssh/user": "core"})
    found = loaded(values, root)
    assert (found.user, found.port) == ("core", 2200)
    assert found.private_key == Secret((root / "id").read_text()), "machines.ssh.privateKeyFile is set"


@pytest.mark.parametrize(
    ("known", "config", "message"),
    [
        ("", CLIENT, "config: the host key of edge.example.net, a ProxyJump, is not in its known_hosts"),
        (None, "Host w1\n ProxyCommand nc x\n", "config: w1 has a ProxyCommand, which cannot be used"),
        (None, "Host\n", "config: ssh cannot resolve w1"),
        (None, "Host w1\n ProxyJump w1a\nHost w1a\n ProxyJump w1\n", "config: the way to"),
    ],
)
def test_client_configurations_that_cannot_be_used(
    existing: dict[str, Any], root: Path, known: str | None, config: str, message: str
) -> None:
    values = changed(existing, client(root, known))
    (root / "config").write_text(config.format(root=root))
    assert f"nodes.w1.ssh.configFile: {message}" in errors(values, root)
