"""Prints as JSON what is installed for the interpreter that runs it.

The argument `plugins` lists the provider plugins that installed SDKs require, `all` every distribution, and `direct` the
distributions that no other one requires.
"""

import json
import re
import sys
from importlib import metadata
from pathlib import Path


def plugins() -> list[dict[str, str]]:
    """Return an entry per SDK's pulumi-plugin.json: name, version and server, which may be empty."""
    found: dict[str, dict[str, str]] = {}
    for folder in filter(None, sys.path):
        for file in sorted(Path(folder).glob("*/pulumi-plugin.json")):
            asked = json.loads(file.read_text())
            if asked.get("resource"):
                name = asked.get("name") or file.parent.name.removeprefix("pulumi_").replace("_", "-")
                entry = {"name": name, "version": asked.get("version") or "", "server": asked.get("server") or ""}
                # As in an import, the first one on the path is used.
                found.setdefault(name, entry)
    return list(found.values())


def distributions(direct: bool) -> list[dict[str, str]]:
    """Return the installed distributions' names and versions, sorted by name."""
    installed = {normal(found.metadata["Name"]): found for found in metadata.distributions()}
    required = {
        normal(name)
        for found in installed.values()
        for line in found.requires or ()
        if "extra ==" not in line
        for name in re.findall(r"^[\w.-]+", line)
    }
    return [
        {"name": found.metadata["Name"], "version": found.version}
        for name, found in sorted(installed.items())
        if not (direct and name in required)
    ]


def normal(name: str) -> str:
    """Normalise a distribution's name, as packaging tools do."""
    return re.sub(r"[-_.]+", "-", name).lower()


print(json.dumps(plugins() if sys.argv[1] == "plugins" else distributions(sys.argv[1] == "direct")))
