"""The registries of the container runtime: a hosts.toml per registry, with mirrors, CAs and credentials.

containerd reads these files for each pull, so no change of them restarts it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from cluster.config.containerd_model import Registry, RegistryMirror
from cluster.node import paths
from nodestate import UNKNOWN, Directory, File, Foreign, NodeState, Secret, Text
from nodestate.secret import known_text

ABILITIES = ["pull", "resolve"]


def state(registries: Mapping[str, Registry | None]) -> NodeState:
    """The files of all registries; empty without any."""
    known = {name: registry for name, registry in sorted(registries.items()) if registry is not None}
    if not known:
        return NodeState()
    files: dict[str, File] = {}
    folders = {name: f"{paths.REGISTRIES}/{name}" for name in known}
    for name, registry in known.items():
        files |= _files(folders[name], registry)
    # Registries that somebody else has configured are named, and kept.
    directories = {paths.REGISTRIES: Directory(foreign=Foreign.NAMED)}
    return NodeState(files=files, directories=directories | {folder: Directory() for folder in folders.values()})


def _files(folder: str, registry: Registry) -> dict[str, File]:
    files: dict[str, File] = {}

    def settings(one: Registry | RegistryMirror, ca: str) -> list[str]:
        if not one.ca:
            return []
        files[ca] = File(one.ca if one.ca.endswith("\n") else f"{one.ca}\n")
        return [f"ca = {_toml(ca)}"]

    lines = [f"server = {_toml(registry.server)}"] if registry.server else []
    lines += settings(registry, f"{folder}/server.crt")
    secrets: dict[str, Text] = {}

    def header(one: Registry | RegistryMirror, table: str) -> list[str]:
        if one.password is None:
            return []
        mark = f"credential {len(secrets)}"
        secrets[mark] = _basic(one.username, one.password)
        return [f"[{table}]", f'Authorization = "{mark}"']

    lines += header(registry, "header")
    for number, mirror in enumerate(registry.mirrors, 1):
        table = f"host.{_toml(mirror.url)}"
        lines += ["", f"[{table}]", f"capabilities = {_toml(ABILITIES)}"]
        lines += ["override_path = true"] if mirror.override_path else []
        lines += [*settings(mirror, f"{folder}/mirror-{number}.crt"), *header(mirror, f"{table}.header")]
    text = "".join(f"{line}\n" for line in lines)
    files[f"{folder}/hosts.toml"] = File(_with(text, secrets), mode="0600" if secrets else "0644")
    return files


def _with(text: str, secrets: Mapping[str, Text]) -> Text:
    """The text with its credentials: a secret if it has any, and not known before all of them are."""
    for mark, secret in secrets.items():
        found = known_text(secret)
        if found is None:
            return Secret(UNKNOWN)
        text = text.replace(f'"{mark}"', _toml(found), 1)
    return Secret(text) if secrets else text


def _basic(username: str, password: Text) -> Text:
    """The value of an Authorization header."""
    text = known_text(password)
    if text is None:
        return Secret(UNKNOWN)
    return Secret(f"Basic {base64.b64encode(f'{username}:{text}'.encode()).decode()}")


def _toml(value: str | list[str]) -> str:
    """A value in TOML, whose texts and lists are written as in JSON."""
    return json.dumps(value, ensure_ascii=False)
