"""The state of a stack without its secrets, for previews of forks: `python -m ci.public_state strip|restore`.

strip reads `pulumi stack export --show-secrets` from standard input and prints the state with throwaway keys in place of all keys,
equal ones for equal ones, so that a preview against it says the same. restore puts such a file into a local state folder.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cluster.pki.encryption import encryption_configuration

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""Key and value that mark a secret in an exported state."""

REMOVED = "removed"
PRIVATE_KEY = re.compile(r"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----", re.DOTALL)
SHORTEST = 20
"""Characters of a text that a leak is searched for. Shorter ones, such as `core`, are no secrets of their own."""

PASSPHRASE = "public"
"""The passphrase of restored states: their secrets are none."""


class Refused(Exception):
    """The state cannot be published, or not be restored: one line."""


def strip(exported: Mapping[str, Any]) -> dict[str, Any]:
    """The state without secrets and without outputs of the stack. Raises Refused if a secret would remain."""
    resources = [
        {**one, "outputs": {}} if one["type"] == "pulumi:pulumi:Stack" else one
        for one in exported["deployment"]["resources"]
    ]
    clear = set(_texts(resources, secret=False))
    secrets = set(_texts(exported["deployment"]["resources"], secret=True)) - clear
    throwaway = {block.group(): _throwaway(block.group(1)) for text in secrets for block in PRIVATE_KEY.finditer(text)}
    table = _replacements(secrets, throwaway)
    stripped = [_stripped(one, table, clear) for one in resources]
    _search(stripped, secrets, clear, set(throwaway.values()))
    # Operations that were interrupted have inputs, too.
    kept = {key: value for key, value in exported["deployment"].items() if key in ("manifest", "metadata")}
    return {"version": exported["version"], "deployment": {**kept, "resources": stripped}}


def _is_secret(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get(SIGNATURE) == SECRET


def _revealed(value: Mapping[str, Any]) -> Any:
    if "plaintext" not in value:
        raise Refused("the state has encrypted secrets: export it with --show-secrets")
    return json.loads(value["plaintext"])


def _texts(value: Any, secret: bool, within: bool = False) -> Iterator[str]:
    """All texts in secrets, or all that are in none."""
    if _is_secret(value):
        yield from _texts(_revealed(value), secret, within=True)
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one, secret, within)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, secret, within)
    elif isinstance(value, str) and secret == within:
        yield value


def _replacements(secrets: set[str], throwaway: Mapping[str, str]) -> dict[str, str]:
    """Each text with a private key, and the texts that the program makes from it, by another of the same kind."""
    table = {}
    for text in secrets:
        if (other := _replaced(text, throwaway)) != text:
            table[text] = other
            table[_base64(text)] = _base64(other)
            table[encryption_configuration(text)] = encryption_configuration(other)
    return table


def _throwaway(kind: str) -> str:
    if kind == "OPENSSH ":
        key = ed25519.Ed25519PrivateKey.generate()
        return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode().rstrip("\n")
    made = ec.generate_private_key(ec.SECP256R1())
    form = PrivateFormat.PKCS8 if kind == "" else PrivateFormat.TraditionalOpenSSL
    return made.private_bytes(Encoding.PEM, form, NoEncryption()).decode().rstrip("\n")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _replaced(text: str, table: Mapping[str, str]) -> str:
    for old, new in table.items():
        if old in text:
            text = text.replace(old, new)
    return text


def _stripped(value: Any, table: Mapping[str, str], clear: set[str], within: bool = False) -> Any:
    """The value with other keys. A text in a secret that is neither made of one nor in the clear elsewhere is removed."""
    if _is_secret(value):
        # Marked as before: the program marks its value, too.
        return {SIGNATURE: SECRET, "plaintext": json.dumps(_stripped(_revealed(value), table, clear, within=True))}
    if isinstance(value, Mapping):
        return {
            key: one if key == SIGNATURE else _stripped(one, table, clear, within) for key, one in value.items()
        }
    if isinstance(value, list):
        return [_stripped(one, table, clear, within) for one in value]
    if not within or not isinstance(value, str) or value in clear:
        return value
    other = _replaced(value, table)
    return other if other != value else REMOVED


def _search(stripped: Any, secrets: set[str], clear: set[str], throwaway: set[str]) -> None:
    """Raises Refused if a foreign private key, a secret, a line of a private key, or either in base64, is in the state."""
    texts = "\0".join([*_texts(stripped, secret=False), *_texts(stripped, secret=True)])
    keys = {block.group() for text in secrets for block in PRIVATE_KEY.finditer(text)}
    lines = {line for key in keys for line in key.splitlines() if not line.startswith("-----")}
    # A line of a private key may hold the public key alone, which is in the clear.
    public = "\0".join(clear)
    needles = secrets | {line for line in lines if line not in public} | {_base64(one) for one in secrets | keys}
    foreign = {block.group() for block in PRIVATE_KEY.finditer(texts)} - throwaway
    if foreign or any(one in texts for one in needles if len(one) >= SHORTEST):
        raise Refused("a secret would remain in the state: nothing is published")


def restore(stack: str, file: Path, folder: Path) -> dict[str, str]:
    """Imports a stripped state into a local state folder below `folder`; returns the variables for `pulumi` there.

    Writes the files of SSH keys that the configuration names, with the throwaway keys; none that exists is overwritten.
    Raises Refused.
    """
    settings_file = folder / f"Pulumi.{stack}.yaml"
    try:
        state, settings = json.loads(file.read_text()), yaml.safe_load(settings_file.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise Refused(f"the public state of {stack} cannot be restored: {error}") from None
    backend = folder / ".lab" / "public-state"
    backend.mkdir(parents=True, exist_ok=True)
    variables = {"PULUMI_BACKEND_URL": f"file://{backend.resolve()}", "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}
    # The stack's own passphrase or key service is not there.
    kept = {key: value for key, value in settings.items() if key not in ("encryptionsalt", "secretsprovider", "encryptedkey")}
    settings_file.write_text(yaml.safe_dump(kept, sort_keys=False))
    for path, key in _key_files(kept.get("config") or {}, state["deployment"]["resources"]).items():
        _write_key(path if path.is_absolute() else folder / path, key)
    _pulumi(folder, variables, "stack", "init", stack)
    salted = yaml.safe_load(settings_file.read_text())["encryptionsalt"]
    state["deployment"]["secrets_providers"] = {"type": "passphrase", "state": {"salt": salted}}
    staged = backend / f"{stack}.json"
    staged.write_text(json.dumps(state))
    _pulumi(folder, variables, "stack", "import", "--stack", stack, "--file", str(staged))
    return variables


def _key_files(config: Mapping[str, Any], resources: Sequence[Mapping[str, Any]]) -> dict[Path, str]:
    """The keys by the file that the configuration names; by the address of their node, or any for a new one."""
    connections = [
        one["inputs"]["connection"] for one in resources if one["type"] == "plumbline:index:NodeState" and "inputs" in one
    ]
    keys = {one["host"]: _revealed(one["privateKey"]) for one in connections if _is_secret(one.get("privateKey"))}
    default = ((config.get("plumbline:machines") or {}).get("ssh") or {}).get("privateKeyFile")
    found = {}
    for node in (config.get("plumbline:nodes") or {}).values():
        path = (node.get("ssh") or {}).get("privateKeyFile") or default
        if path and keys:
            found[Path(path).expanduser()] = keys.get(node.get("address"), next(iter(keys.values())))
    return found


def _write_key(path: Path, key: str) -> None:
    if path.exists():
        raise Refused(f"{path} exists: restore a public state on a machine without keys only")
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(key)


def _pulumi(folder: Path, variables: Mapping[str, str], *arguments: str) -> None:
    done = subprocess.run(
        ["pulumi", "--non-interactive", "--color", "never", *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Refused(f"pulumi {arguments[0]} {arguments[1]} failed: {' '.join(done.stdout.split())[-300:]}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: 0, or 1 with one line on standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m ci.public_state", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    tasks = parser.add_subparsers(dest="task", required=True)
    tasks.add_parser("strip", help="from standard input to standard output")
    restored = tasks.add_parser("restore", help="into this folder; prints the exports for pulumi")
    restored.add_argument("stack")
    restored.add_argument("file", type=Path)
    chosen = parser.parse_args(arguments)
    try:
        if chosen.task == "strip":
            print(json.dumps(strip(json.load(sys.stdin)), indent=1))
        else:
            for name, value in restore(chosen.stack, chosen.file, Path.cwd()).items():
                print(f"export {name}='{value}'")
    except (Refused, ValueError) as error:
        print(f"plumbline: {error}" if isinstance(error, Refused) else "plumbline: this is no exported state", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
