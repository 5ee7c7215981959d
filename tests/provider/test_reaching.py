"""Ways to a node: bastions, certificates, an agent, sudo with a password; each against real sshds."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pulumi
import pytest

from tests.provider import sshd as server
from tests.provider.conftest import Bench, Secret
from tests.provider.container import Container

PASSWORD = "s3cret-Sudo-Password-4711"
STRICT = ("MaxSessions 2", "AllowTcpForwarding no")
USER = "deployer"
Start = Callable[..., server.Sshd]


class Ways(Bench):
    """A bench whose connections have secrets inside lists, with one-off commands beside the NodeStates."""

    def __init__(self, folder: Path, connection: dict[str, Any], target: Path) -> None:
        super().__init__(folder, {}, target)
        self.connections["n1"] = connection
        self.commands: dict[str, dict[str, Any]] = {}
        self.former = False

    def _program(self) -> None:
        for name, inputs in self.commands.items():
            connection = _outputs(self.connections["n1"])
            if self.former:
                plain = {key: connection[key] for key in ("host", "port", "user", "privateKey", "hostKey")}
                inputs = {**inputs, "connection": plain, "addPreviousOutputInEnv": False}
                outputs = {"stdout": None, "stderr": None}
                pulumi.CustomResource("command:remote:Command", name, _outputs({**inputs, **outputs}))
            else:
                inputs = {**inputs, "node": "n1", "connection": connection, "stdout": None}
                alias = pulumi.ResourceOptions(aliases=[pulumi.Alias(type_="command:remote:Command")])
                pulumi.CustomResource("plumbline:index:Command", name, _outputs(inputs), alias)
        if self.files:
            folder = {"mode": "0750", "owner": "root", "group": "root"}
            state = {"node": "n1", "directories": {str(self.target): folder}, "files": self.files, "units": {}}
            inputs = {**state, "connection": self.connections["n1"], "machineId": "machine-1", "revision": None}
            pulumi.CustomResource("plumbline:index:NodeState", "n1-proof", _outputs(inputs))


def _outputs(value: Any) -> Any:
    if isinstance(value, Secret):
        return pulumi.Output.secret(value.text)
    if isinstance(value, Mapping):
        return {key: _outputs(one) for key, one in value.items()}
    return [_outputs(one) for one in value] if isinstance(value, list) else value


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts an sshd in a folder of this name."""
    with ExitStack() as stack:

        def begin(name: str, *options: str, etc: Mapping[str, str] | None = None) -> server.Sshd:
            started = server.start(tmp_path / name, *options, etc=etc)
            stack.callback(started.stop)
            return started

        yield begin


def endpoint(of: server.Sshd, host: str = "127.0.0.1", **more: Any) -> dict[str, Any]:
    found = {**of.connection(), "host": host, "privateKey": Secret(of.private_key), **more}
    return {key: value for key, value in found.items() if value is not None}


def knows(name: str) -> dict[str, str]:
    """A machine that knows another by a name, which nobody else does."""
    return {"hosts": f"127.0.0.1 localhost {name}\n"}


def bench(tmp_path: Path, connection: dict[str, Any]) -> Ways:
    made = Ways(tmp_path / "bench", connection, tmp_path / "on-the-node")
    made.text("a", "1\n")
    return made


def all_printed(made: Bench) -> str:
    return "\n".join(made.printed) + made.state()


def test_a_chain_of_two_bastions(tmp_path: Path, start: Start) -> None:
    """Only the second bastion knows the node, only the first the second one: there is no other way than this."""
    node = start("node-sshd", *STRICT)
    outer, inner = start("outer", etc=knows("inner.test")), start("inner", etc=knows("node.test"))
    way = [endpoint(outer), endpoint(inner, "inner.test")]
    made = bench(tmp_path, endpoint(node, "node.test", bastions=way))
    made.commands["once"] = {"create": "set -eu\necho created\n", "delete": f"touch {tmp_path}/deleted\n"}
    assert made.up() == {"create": 3}
    assert made.up(refresh=True) == {"same": 3}
    made.file("a").write_text("2\n")
    assert "+ 1" in made.preview(), "drift"
    made.up(refresh=True)
    assert made.file("a").read_text() == "1\n"
    outer.cut()
    made.text("a", "3\n")
    made.up()
    assert made.file("a").read_text() == "3\n"
    for one in (outer, inner, node):
        assert one.private_key.splitlines()[1] not in all_printed(made)
    made.destroy()
    assert not made.file("a").exists()
    assert (tmp_path / "deleted").exists()


def test_a_wrong_host_key_of_a_bastion_is_refused_by_name(tmp_path: Path, start: Start) -> None:
    node, outer, inner = start("node-sshd"), start("outer", etc=knows("inner.test")), start("inner")
    way = [endpoint(outer), endpoint(inner, "inner.test", hostKey=outer.host_key)]
    made = bench(tmp_path, endpoint(node, bastions=way))
    failed = made.fails()
    at = f"bastion inner.test:{inner.port}"
    assert f"n1: the host key of {at} is not the pinned one: another machine answers there" in failed
    assert not made.file("a").exists()


@pytest.mark.site
def test_a_bastion_that_does_not_forward_is_named(tmp_path: Path, start: Start) -> None:
    node, bastion = start("node-sshd"), start("bastion", "AllowTcpForwarding no")
    failed = bench(tmp_path, endpoint(node, bastions=[endpoint(bastion)])).fails()
    assert f"n1: bastion 127.0.0.1:{bastion.port} forwards no connection to 127.0.0.1:{node.port}" in failed
    assert "AllowTcpForwarding" in failed


@pytest.mark.site
def test_a_bastion_that_refuses_the_key_is_named(tmp_path: Path, start: Start) -> None:
    node, bastion = start("node-sshd"), start("bastion")
    failed = bench(tmp_path, endpoint(node, bastions=[endpoint(bastion, privateKey=Secret(node.private_key))])).fails()
    assert f"n1: bastion 127.0.0.1:{bastion.port} refuses user root with this key" in failed


@pytest.mark.site
def test_a_node_that_a_bastion_does_not_reach_is_named(tmp_path: Path, start: Start) -> None:
    node, bastion = start("node-sshd"), start("bastion")
    node.stop()
    failed = bench(tmp_path, endpoint(node, bastions=[endpoint(bastion)])).fails()
    assert f"n1: 127.0.0.1:{node.port} does not answer to bastion 127.0.0.1:{bastion.port}" in failed


def sign(ca: Path, key: Path, *options: str) -> str:
    """The certificate of a public key file, signed by a CA."""
    if not ca.exists():
        server.keys(ca.parent, ca.name)
    subprocess.run(["ssh-keygen", "-q", "-s", str(ca), "-I", "test", *options, str(key)], check=True)
    return key.with_name(f"{key.stem}-cert.pub").read_text()


@pytest.mark.site
def test_certificates_of_user_and_host(tmp_path: Path, start: Start) -> None:
    """No key is authorized on the node, and none is pinned here: both sides trust a CA."""
    folder = tmp_path / "node-sshd"
    folder.mkdir()
    for name in ("login", "host", "user-ca"):
        server.keys(folder, name)
    user = sign(folder / "user-ca", folder / "login.pub", "-n", "root")
    sign(folder / "host-ca", folder / "host.pub", "-h", "-n", "127.0.0.1")
    trust = (
        f"TrustedUserCAKeys {folder}/user-ca.pub",
        "AuthorizedKeysFile none",
        f"HostCertificate {folder}/host-cert.pub",
    )
    node = start("node-sshd", *trust)
    ca = " ".join((folder / "host-ca.pub").read_text().split()[:2])
    connection = endpoint(node, hostKey=None, hostCaKey=ca, certificate=user)
    made = bench(tmp_path, connection)
    assert made.up() == {"create": 2}
    made.connections["n1"] = {**connection, "hostCaKey": node.host_key}
    made.text("a", "2\n")
    assert f"n1: 127.0.0.1:{node.port} shows no valid certificate of the CA in hostCaKey" in made.fails()
    made.connections["n1"] = {key: value for key, value in connection.items() if key != "certificate"}
    assert "refuses user root with this key" in made.fails()
    expired = sign(folder / "user-ca", folder / "login.pub", "-n", "root", "-V", "20200101:20200102")
    made.connections["n1"] = {**connection, "certificate": expired}
    assert "refuses user root with this certificate (permission denied): it must be valid now" in made.fails()


@pytest.mark.site
def test_keys_of_an_agent(tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    node, other = start("node-sshd"), start("other")
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            assert agent.poll() is None
        environment = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
        for one in (other, node):
            subprocess.run(["ssh-add", "-q", str(one.folder / "login")], env=environment, check=True)
        connection = endpoint(node, privateKey=None, agent=True)
        made = bench(tmp_path, connection)
        made.stack.workspace.env_vars = {**made.stack.workspace.env_vars, "SSH_AUTH_SOCK": str(socket)}
        assert made.up() == {"create": 2}
        wrong = " ".join((other.folder / "login.pub").read_text().split()[:2])
        made.connections["n1"] = {**connection, "agentKey": wrong}
        made.text("a", "2\n")
        assert "refuses user root with the agent's keys (permission denied)" in made.fails()
        made.connections["n1"] = connection
        made.stack.workspace.env_vars = {**made.stack.workspace.env_vars, "SSH_AUTH_SOCK": ""}
        assert "needs an SSH agent, and SSH_AUTH_SOCK is not set" in made.fails()
    finally:
        agent.terminate()
        agent.wait(10)


@pytest.fixture(scope="module")
def operator(systemd: Container) -> Iterator[dict[str, Any]]:
    """The connection of a user that may use sudo with a password."""
    home = f"/home/{USER}"
    systemd.run(
        f"useradd --create-home --shell /bin/sh {USER}; echo '{USER}:{PASSWORD}' | chpasswd\n"
        f"cp -r /home/core/.ssh {home}/; chown -R {USER}: {home}/.ssh\n"
        f"echo '{USER} ALL=(ALL) ALL' >/etc/sudoers.d/{USER}"
    )
    connection = systemd.connection()
    yield {**connection, "privateKey": Secret(str(connection["privateKey"])), "user": USER}
    systemd.run(f"rm /etc/sudoers.d/{USER}; userdel --remove {USER} 2>/dev/null || true")


@pytest.fixture
def on_host(tmp_path: Path, operator: dict[str, Any]) -> Iterator[Ways]:
    """A bench for the container host, whose password is not set yet."""
    made = Ways(tmp_path / "bench", operator, Path("/etc/proof"))
    made.text("a", "1\n")
    yield made
    made.connections["n1"] = {**operator, "sudoPassword": Secret(PASSWORD)}
    made.files.clear()
    made.commands.clear()
    made.up()


LOOK = """
for p in $(ls /proc | grep '^[0-9]*$'); do
  tr '\\0' ' ' </proc/$p/cmdline; echo; tr '\\0' '\\n' </proc/$p/environ
done >/run/seen 2>/dev/null || true
"""
FAILURES = "journalctl -q --no-pager -t sudo | grep -c 'authentication failure' || true"


@pytest.mark.site
def test_sudo_with_a_password(on_host: Ways, systemd: Container) -> None:
    on_host.connections["n1"] = {**on_host.connections["n1"], "sudoPassword": Secret(PASSWORD)}
    on_host.commands["look"] = {"create": f"{LOOK}cat\n", "stdin": Secret("given")}
    assert on_host.up() == {"create": 3}
    assert systemd.run("stat -c %U /etc/proof/a") == "root\n"
    assert on_host.up(refresh=True) == {"same": 3}
    seen = systemd.run("cat /run/seen; rm /run/seen")
    assert "sudo -k -S -p ask-" in seen, "the processes were seen"
    assert PASSWORD not in seen
    assert PASSWORD not in all_printed(on_host)
    assert PASSWORD not in systemd.run(
        "journalctl -q --no-pager; grep -rs s3cret-Sudo /etc/proof /var/lib/plumbline /tmp || true"
    )


@pytest.mark.site
def test_a_user_that_sudo_does_not_ask(on_host: Ways, systemd: Container) -> None:
    """The password is not sent then: a shell would run it as a command."""
    on_host.connections["n1"] = {**on_host.connections["n1"], "user": "core", "sudoPassword": Secret(PASSWORD)}
    assert on_host.up() == {"create": 2}
    assert PASSWORD not in systemd.run("journalctl -q --no-pager")


@pytest.mark.site
def test_a_refused_sudo_password_names_node_and_remedy(on_host: Ways, systemd: Container) -> None:
    """It is offered once in a run, however many scripts need it: PAM may lock an account after a few."""
    before = int(systemd.run(FAILURES))
    on_host.connections["n1"] = {**on_host.connections["n1"], "sudoPassword": Secret("wrong-Password-4711")}
    for name in ("one", "two", "three"):
        on_host.commands[name] = {"create": "true\n"}
    failed = on_host.fails()
    assert (
        "n1: sudo refuses the password of deployer: set sudoPassword to that user's password on n1, or allow" in failed
    )
    assert "wrong-Password" not in failed + all_printed(on_host)
    assert int(systemd.run(FAILURES)) - before == 1
    on_host.connections["n1"]["sudoPassword"] = Secret(PASSWORD)
    assert on_host.up()["create"] >= 4


@pytest.mark.site
def test_sudo_that_needs_a_password_says_so(on_host: Ways) -> None:
    failed = on_host.fails()
    assert "n1: cannot be worked on: deployer gets no root shell" in failed
    assert "allow it sudo without a password in /etc/sudoers.d, or set its sudoPassword" in failed


@pytest.mark.site
def test_a_user_that_may_not_use_sudo(on_host: Ways, systemd: Container) -> None:
    on_host.connections["n1"] = {**on_host.connections["n1"], "sudoPassword": Secret(PASSWORD)}
    systemd.run(f"mv /etc/sudoers.d/{USER} /run/kept")
    try:
        failed = on_host.fails()
    finally:
        systemd.run(f"mv /run/kept /etc/sudoers.d/{USER}")
    assert "n1: cannot be worked on: deployer gets no root shell (ended with 1, said: " in failed
    assert "deployer is not in the sudoers file" in failed


def test_a_command_runs_on_another_node_if_its_own_is_silent(tmp_path: Path, start: Start) -> None:
    """The script runs once more for none of it: a node that answers again, or another list of nodes."""
    first, second = start("first-sshd"), start("second-sshd")
    made, ran, way = Ways(tmp_path / "bench", endpoint(first), tmp_path), tmp_path / "ran", endpoint(second)
    made.commands["step"] = {
        "create": f"echo $SSH_CONNECTION | cut -d' ' -f4 >>{ran}",
        "delete": f"echo deleted through $SSH_CONNECTION | cut -d' ' -f1,2,6 >>{ran}",
        "elsewhere": [{"node": "n2", "connection": way}],
    }
    first.stop()
    made.up()
    assert "n1: passed over, step runs on n2: it does not accept a connection within 3 s" in all_printed(made)
    assert made.up() == {"same": 2}
    made.commands["step"]["elsewhere"] = [{"node": "n3", "connection": way}]
    assert made.up() == {"same": 1, "update": 1}
    made.commands.clear()
    made.up()
    assert ran.read_text() == f"{second.port}\ndeleted through {second.port}\n"
    assert second.private_key not in all_printed(made)


def test_commands_take_over_the_state_of_pulumi_command(tmp_path: Path, start: Start) -> None:
    """Nothing is created or deleted, and a command runs again only if its text changes."""
    node = start("node-sshd")
    made = Ways(tmp_path / "bench", endpoint(node), tmp_path)
    ran, deleted = tmp_path / "ran", tmp_path / "deleted"
    script = f"echo once >>{ran}; cat"
    made.commands["step"] = {"create": script, "delete": f"touch {deleted}", "stdin": Secret("given")}
    made.former = True
    made.up()
    made.former = False
    assert made.up(refresh=True) == {"update": 1, "same": 1} or made.up() == {"same": 2}
    assert made.up() == {"same": 2}
    assert ran.read_text() == "once\n"
    made.commands["step"]["create"] = f"{script} # again"
    assert made.up() == {"same": 1, "update": 1}
    assert ran.read_text() == "once\nonce\n"
    assert not deleted.exists()
    made.commands["step"]["create"] = "echo it cannot >&2; exit 3"
    assert "n1: step: it cannot" in made.fails()
    made.commands.clear()
    made.up()
    assert deleted.exists()
