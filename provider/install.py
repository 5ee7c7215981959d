"""The [Install] section of a unit's file: the links that enable the unit."""

from __future__ import annotations

from collections.abc import Mapping

from nodestate import File
from nodestate.secret import known_text
from provider.remote.units import UNIT_FOLDER


def install_links(name: str, text: str | None) -> frozenset[str] | None:
    """The links that `systemctl enable` makes for a unit's file, below /etc/systemd/system. None if that is not known: a
    file without [Install], or with specifiers."""
    section, found, seen = "", [], False
    for line in (text or "").replace("\\\n", " ").splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line
            continue
        key, equals, value = line.partition("=")
        if section != "[Install]" or not equals or line.startswith(("#", ";")):
            continue
        folder = {"WantedBy": "wants", "RequiredBy": "requires", "UpheldBy": "upholds", "Alias": ""}.get(key.strip())
        if folder is None:
            continue
        if "%" in value:
            return None
        seen = True
        found += [f"{one}.{folder}/{name}" if folder else one for one in value.split() if folder or one != name]
    return frozenset(found) if seen else None


def unit_text(name: str, files: Mapping[str, File]) -> str | None:
    """The text of the unit's own file, if it is declared and known."""
    file = files.get(f"{UNIT_FOLDER}{name}")
    return known_text(file.content) if file is not None else None
