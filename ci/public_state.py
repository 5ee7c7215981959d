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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ci import key_files
from ci.secrets import SIGNATURE, Encrypted, hidden, is_secret, revealed, texts
from cluster.pki.encryption import encryption_configuration

REMOVED = "removed"
PRIVATE_KEY = re.compile(r"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----", re.DOTALL)
PUBLIC_KEY = ("ssh-", "ecdsa-", "-----BEGIN PUBLIC KEY-----", "-----BEGIN CERTIFICATE")
SHORTEST = 20
"""Characters of a text that is searched for. Shorter ones, such as `core`, occur elsewhere by chance."""

PROVIDER_KEYS = ("encryptionsalt", "secretsprovider", "encryptedkey")
"""Of a stack's settings: they name its own passphrase or key service."""


class Refused(Exception):
    """The state cannot be published, or not be restored: one line."""


def strip(exported: Mapping[str, Any]) -> dict[str, Any]:
    """The state without secrets and without outputs of the stack. Raises Refused if a secret would remain, and Encrypted."""
    whole = exported["deployment"].get("resources") or []
    resources = [{**one, "outputs": {}} if one["type"] == "pulumi:pulumi:Stack" else one for one in whole]
    clear = set(texts(resources, secret=False))
    secrets = set(texts(whole, secret=True)) - clear
    throwaway = {block.group(): _throwaway(block.group(1)) for text in secrets for block in PRIVATE_KEY.finditer(text)}
    table = _replacements(secrets, throwaway)
    stripped = [_stripped(one, table, clear) for one in resources]
    _search(stripped, secrets, clear, set(throwaway.values()))
    # Operations that were interrupted have inputs, too: they are left out.
    kept = {key: value for key, value in exported["deployment"].items() if key in ("manifest", "metadata")}
    return {"version": exported["version"], "deployment": {**kept, "resources": stripped}}


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
    if is_secret(value):
        # Marked as before: the program marks its value, too.
        return hidden(_stripped(revealed(value), table, clear, within=True))
    if isinstance(value, Mapping):
        return {key: one if key == SIGNATURE else _stripped(one, table, clear, within) for key, one in value.items()}
    if isinstance(value, list):
        return [_stripped(one, table, clear, within) for one in value]
    if not within or not isinstance(value, str) or value in clear:
        return value
    other = _replaced(value, table)
    return other if other != value else REMOVED


def _search(stripped: Any, secrets: set[str], clear: set[str], throwaway: set[str]) -> None:
    """Raises Refused if a foreign private key, a secret, a line of a private key, or either in base64, is in the state."""
    found = "\0".join([*texts(stripped, secret=False), *texts(stripped, secret=True)])
    keys = {block.group() for text in secrets for block in PRIVATE_KEY.finditer(text)}
    lines = {line for key in keys for line in key.splitlines()}
    # A line of a private key may hold nothing but the public key, or but its kind, as in any other key.
    public = "\0".join([*(text for text in clear if text.startswith(PUBLIC_KEY)), *throwaway])
    needles = secrets | {line for line in lines if line not in public} | {_base64(one) for one in secrets | keys}
    foreign = {block.group() for block in PRIVATE_KEY.finditer(found)} - throwaway
    if foreign or any(one in found for one in needles if len(one) >= SHORTEST):
        raise Refused("a secret would remain in the state: nothing is published")


def restore(stack: str, file: Path, folder: Path) -> None:
    """Imports a stripped state into the local state folder of PULUMI_BACKEND_URL, which is created.

    Changes the settings of the stack, and writes the files of SSH keys that they name. For a checkout that is thrown away.
    Raises Refused.
    """
    backend = os.environ.get("PULUMI_BACKEND_URL", "")
    if not backend.startswith("file://"):
        raise Refused("set PULUMI_BACKEND_URL to a new folder, file:///...")
    settings_file = folder / f"Pulumi.{stack}.yaml"
    try:
        state, settings = json.loads(file.read_text()), yaml.safe_load(settings_file.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise Refused(f"there is no public state of {stack}: {error}") from None
    Path(backend.removeprefix("file://")).mkdir(parents=True, exist_ok=True)
    kept = {key: value for key, value in settings.items() if key not in PROVIDER_KEYS}
    encrypted = take_encrypted(kept.get("config") or {})
    settings_file.write_text(yaml.safe_dump(kept, sort_keys=False))
    if existing := key_files.write(key_files.keys(kept.get("config") or {}, state["deployment"]["resources"])):
        raise Refused(f"{existing[0]} exists: restore a public state on a machine without keys only")
    _pulumi(folder, "stack", "init", stack)
    for path in encrypted:
        _pulumi(folder, "config", "set", "--stack", stack, "--secret", "--path", path, REMOVED)
    salt = yaml.safe_load(settings_file.read_text())["encryptionsalt"]
    state["deployment"]["secrets_providers"] = {"type": "passphrase", "state": {"salt": salt}}
    _pulumi(folder, "stack", "import", "--stack", stack, stdin=json.dumps(state))


def take_encrypted(config: dict[str, Any]) -> list[str]:
    """Takes the encrypted values out of a stack's settings, which have another passphrase. Returns their paths, as `pulumi config
    set --path` takes them: they get the stand-in that they have in the state."""
    found: list[str] = []

    def taken(value: Any, at: str) -> Any:
        if isinstance(value, dict):
            below = {key: f"{at}.{key}" if at else key for key in value}
            found.extend(below[key] for key, one in value.items() if _encrypted(one))
            return {key: taken(one, below[key]) for key, one in value.items() if not _encrypted(one)}
        return [taken(one, f"{at}[{index}]") for index, one in enumerate(value)] if isinstance(value, list) else value

    rest = taken(dict(config), "")
    config.clear()
    config.update(rest)
    return found


def _encrypted(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"secure"}


def _pulumi(folder: Path, *arguments: str, stdin: str = "") -> None:
    done = subprocess.run(
        ["pulumi", "--non-interactive", "--color", "never", *arguments],
        cwd=folder,
        input=stdin,
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
    restored = tasks.add_parser("restore", help="into a new local state folder")
    restored.add_argument("stack")
    restored.add_argument("file", type=Path)
    chosen = parser.parse_args(arguments)
    try:
        if chosen.task == "strip":
            print(json.dumps(strip(json.load(sys.stdin)), indent=1))
        else:
            restore(chosen.stack.rpartition("/")[2], chosen.file, Path.cwd())
    except (Refused, Encrypted) as error:
        print(f"plumbline: {error}", file=sys.stderr)
        return 1
    except (ValueError, LookupError, TypeError):
        print("plumbline: this is no exported state", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
