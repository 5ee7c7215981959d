"""The state without secrets, and key files from a state."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ci import key_files, public_state
from ci.secrets import SECRET, SIGNATURE, Encrypted, hidden, revealed, texts
from cluster.pki.encryption import encryption_configuration

ROOT = Path(__file__).resolve().parents[3]
KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIFN5F0dl7JIdL6s0xAWYhOGigWYWlao549KWzWAVuWee\n-----END EC PRIVATE KEY-----\n"
SSH = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE\nc2VjcmV0IHBhcnQgb2YgdGhlIGtleQ\n-----END OPENSSH PRIVATE KEY-----\n"
NODE = "plumbline:index:NodeState"
CONFIG = {
    "plumbline:machines": {"ssh": {"privateKeyFile": "keys/all"}},
    "plumbline:nodes": {
        "w1": {"address": "10.0.0.1"},
        "w2": {"address": "10.0.0.2", "ssh": {"privateKeyFile": "keys/w2"}},
        "w3": {"address": "10.0.0.3", "ssh": {"privateKeyFile": "keys/new"}},
    },
}


def exported(*resources: dict[str, Any]) -> dict[str, Any]:
    """A state as it is exported."""
    return {
        "version": 3,
        "deployment": {"manifest": {"time": "now"}, "secrets_providers": {"type": "x"}, "resources": list(resources)},
    }


def node(host: str, key: str, **files: Any) -> dict[str, Any]:
    """A NodeState."""
    inputs = {"connection": {"host": host, "privateKey": hidden(key)}, "files": files}
    return {"type": NODE, "urn": f"urn::{host}", "inputs": inputs}


def stripped(*resources: dict[str, Any]) -> list[dict[str, Any]]:
    """The resources of the public state."""
    found: list[dict[str, Any]] = public_state.strip(exported(*resources))["deployment"]["resources"]
    return found


def test_equal_keys_are_replaced_by_equal_ones() -> None:
    derived = {
        "pem": hidden(KEY),
        "config": hidden(encryption_configuration(KEY)),
        "kubeconfig": hidden(f"key: {_base64(KEY)}\n"),
    }
    tls = {"type": "tls:index/privateKey:PrivateKey", "urn": "urn::k", "outputs": {"privateKeyPem": hidden(KEY)}}
    key, state = stripped(tls, node("10.0.0.1", SSH, **derived))
    pem = revealed(key["outputs"]["privateKeyPem"])
    files = {name: revealed(one) for name, one in state["inputs"]["files"].items()}
    assert pem.startswith("-----BEGIN EC PRIVATE KEY-----\n") and pem.endswith("-----END EC PRIVATE KEY-----\n")
    assert files == {"pem": pem, "config": encryption_configuration(pem), "kubeconfig": f"key: {_base64(pem)}\n"}
    assert revealed(state["inputs"]["connection"]["privateKey"]).startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    printed = json.dumps([key, state])
    assert "MHcCAQEEIFN5F0dl7JId" not in printed and "c2VjcmV0IHBhcnQgb2Yg" not in printed


def test_other_secrets_are_removed_and_what_is_public_elsewhere_stays() -> None:
    whole = {"host": "10.0.0.1", "port": 22, "privateKey": hidden(SSH), "password": "hunter2 hunter2 hunter2"}
    command = {"type": "command:remote:Command", "urn": "urn::c", "inputs": {"connection": hidden(whole)}}
    found = revealed(stripped(node("10.0.0.1", SSH), command)[1]["inputs"]["connection"])
    assert (found["host"], found["port"], found["password"]) == ("10.0.0.1", 22, "removed")
    assert found["privateKey"][SIGNATURE] == SECRET, "a secret in a secret"


def test_outputs_of_the_stack_and_unfinished_operations_are_left_out() -> None:
    state = exported({"type": "pulumi:pulumi:Stack", "urn": "urn::s", "outputs": {"kubeconfig": hidden("secret")}})
    state["deployment"]["pending_operations"] = [{"resource": node("10.0.0.1", SSH)}]
    found = public_state.strip(state)
    assert found["deployment"] == {
        "manifest": {"time": "now"},
        "resources": [{"type": "pulumi:pulumi:Stack", "urn": "urn::s", "outputs": {}}],
    }


@pytest.mark.parametrize(
    "leaking",
    [
        {"plain": f"# copied\n{KEY}"},
        {"half": "# MHcCAQEEIFN5F0dl7JIdL6s0xAWYhOGigWYWlao549KWzWAVuWee"},
        {"coded": base64.b64encode(KEY.encode()).decode()},
        {"word": "the word is a-password-of-more-than-20"},
    ],
)
def test_secret_in_the_clear_is_refused(leaking: dict[str, str]) -> None:
    secret = {"pem": hidden(KEY), "password": hidden("a-password-of-more-than-20")}
    with pytest.raises(public_state.Refused, match="a secret would remain"):
        stripped(node("10.0.0.1", SSH, **secret, **leaking))


def test_encrypted_state_is_refused() -> None:
    with pytest.raises(Encrypted, match="--show-secrets"):
        stripped({"type": NODE, "urn": "urn::x", "inputs": {"connection": {SIGNATURE: SECRET, "ciphertext": "v1:x"}}})


def test_texts_in_secrets_are_told_from_others() -> None:
    value = {"a": "one", "b": hidden({"c": "two", "d": [hidden("three")]})}
    assert list(texts(value, secret=False)) == ["one"]
    assert sorted(texts(value, secret=True)) == ["three", "two"]


def test_key_files_are_those_of_the_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = key_files.keys(CONFIG, [node("10.0.0.1", "first"), node("10.0.0.2", "second"), {"type": "x:y:Z"}])
    assert found == {Path("keys/all"): "first", Path("keys/w2"): "second", Path("keys/new"): "first"}
    Path("keys").mkdir()
    Path("keys/w2").write_text("kept")
    assert key_files.write(found) == [Path("keys/w2")]
    assert Path("keys/all").read_text() == "first"
    assert Path("keys/w2").read_text() == "kept"
    assert Path("keys/all").stat().st_mode & 0o777 == 0o600


def test_key_files_of_bastions_and_of_hosts_on_other_networks() -> None:
    config = {
        "plumbline:machines": {
            "ssh": {"privateKeyFile": "keys/all", "bastions": [{"host": "192.0.2.1", "privateKeyFile": "keys/bastion"}]}
        },
        "plumbline:nodes": {"w1": {"address": "10.0.0.1", "ssh": {"host": "w1.example.net"}}},
    }
    reached = node("w1.example.net", "first")
    reached["inputs"]["connection"]["bastions"] = [{"host": "192.0.2.1", "privateKey": hidden("second")}]
    assert key_files.keys(config, [reached]) == {Path("keys/all"): "first", Path("keys/bastion"): "second"}


def test_encrypted_settings_are_taken_out_by_their_path() -> None:
    encrypted = {"secure": "v1:abc"}
    config: dict[str, Any] = {
        "plumbline:machines": {
            "ssh": {"user": "core", "sudoPassword": encrypted, "bastions": [{"privateKeyPassphrase": encrypted}]}
        }
    }
    assert public_state.take_encrypted(config) == [
        "plumbline:machines.ssh.sudoPassword",
        "plumbline:machines.ssh.bastions[0].privateKeyPassphrase",
    ]
    assert config == {"plumbline:machines": {"ssh": {"user": "core", "bastions": [{}]}}}


def test_restore_needs_a_new_local_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://bucket")
    with pytest.raises(public_state.Refused, match="file:///"):
        public_state.restore("production", tmp_path / "x", tmp_path)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}/state")
    with pytest.raises(public_state.Refused, match="there is no public state of production"):
        public_state.restore("production", tmp_path / "x", tmp_path)
    (tmp_path / "x").write_text(json.dumps(exported(node("10.0.0.1", "first"))))
    (tmp_path / "key").write_text("of the operator")
    config = {"plumbline:machines": {"ssh": {"privateKeyFile": str(tmp_path / "key")}}, "plumbline:nodes": {"w1": {}}}
    (tmp_path / "Pulumi.production.yaml").write_text(json.dumps({"encryptionsalt": "v1:x", "config": config}))
    with pytest.raises(public_state.Refused, match="without keys only"):
        public_state.restore("production", tmp_path / "x", tmp_path)
    assert (tmp_path / "key").read_text() == "of the operator"


@pytest.mark.parametrize("given", ["", "[]", "{}", "error: no stack"])
def test_command_says_in_one_line_that_the_input_is_no_state(given: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ci.public_state", "strip"],
        cwd=ROOT,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "plumbline: this is no exported state\n"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
