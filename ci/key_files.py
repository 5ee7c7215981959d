"""Files of SSH keys that a stack's configuration names, written from its state: `python -m ci.key_files STACK < state`.

A preview without SSH needs them: another key is a change of each connection. The state, as `pulumi stack export --show-secrets`
prints it, has them anyway, so that a job needs no further secret. A file that exists is left as it is.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ci.secrets import is_secret, revealed
from nodestate.vocabulary import NODE_STATE


def keys(config: Mapping[str, Any], resources: Sequence[Mapping[str, Any]]) -> dict[Path, str]:
    """The keys by the file that the configuration names: by the host that they log in to, or any for a new one."""
    connections = [(one.get("inputs") or {}).get("connection") or {} for one in resources if one["type"] == NODE_STATE]
    ends = [end for one in connections for end in (one, *(one.get("bastions") or ()))]
    known = {one["host"]: revealed(one["privateKey"]) for one in ends if is_secret(one.get("privateKey"))}
    shared = (config.get("plumbline:machines") or {}).get("ssh") or {}
    found: dict[Path, str] = {}

    def add(path: str | None, host: object) -> None:
        if path and known:
            found.setdefault(Path(path).expanduser(), known.get(str(host), next(iter(known.values()))))

    for node in (config.get("plumbline:nodes") or {}).values():
        own = (node or {}).get("ssh") or {}
        add(own.get("privateKeyFile") or shared.get("privateKeyFile"), own.get("host") or node.get("address"))
        for bastion in own.get("bastions", shared.get("bastions")) or ():
            add(bastion.get("privateKeyFile"), bastion.get("host"))
    return found


def write(files: Mapping[Path, str]) -> list[Path]:
    """Writes those that are missing, for this user only. Returns those that exist."""
    existing = []
    for path, key in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            existing.append(path)
            continue
        with os.fdopen(opened, "w") as file:
            file.write(key)
    return existing


def main() -> int:
    """The command line: 0, or 1 with one line on standard error."""
    try:
        [stack] = sys.argv[1:]
        config = yaml.safe_load(Path(f"Pulumi.{stack.rpartition('/')[2]}.yaml").read_text()).get("config") or {}
        found = keys(config, json.load(sys.stdin)["deployment"].get("resources") or [])
    except (OSError, ValueError, KeyError, AttributeError, yaml.YAMLError):
        print("plumbline: usage: pulumi stack export --show-secrets | python -m ci.key_files STACK", file=sys.stderr)
        return 1
    for path in write(found):
        print(f"plumbline: {path} exists and is used as it is")
    return 0


if __name__ == "__main__":
    sys.exit(main())
