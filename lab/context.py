"""The folders and names of one lab."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from builder.errors import UserError

SOURCES = Path(__file__).parent


@dataclass(frozen=True)
class Lab:
    """One lab: the project that it belongs to, and its name on this machine.

    The name (PLUMBLINE_LAB, else `plumbline`) is that of the network namespace and the prefix of control groups and
    containers: labs with different names run side by side with the same addresses.
    """

    project: Path
    name: str

    @classmethod
    def of(cls, project: Path) -> Lab:
        """Return the lab of a project folder. Raises UserError if PLUMBLINE_LAB is not a valid name."""
        name = os.environ.get("PLUMBLINE_LAB", "plumbline")
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name):
            raise UserError(f"PLUMBLINE_LAB is {name!r}: use at most 31 letters a-z, digits and dashes")
        return cls(project.resolve(), name)

    @property
    def state(self) -> Path:
        """The working files of this checkout."""
        return self.project / ".lab"

    @property
    def hosts(self) -> Path:
        """One folder per container host."""
        return self.state / "hosts"

    @property
    def mirror(self) -> Path:
        """The files that the artifact mirror serves."""
        return self.state / "mirror"

    @property
    def namespace(self) -> Path:
        """The network namespace's file, as `nsenter --net=` takes it."""
        return Path("/run/netns") / self.name

    @property
    def owner(self) -> Path:
        """The file with the path of the project whose lab uses the namespace."""
        return Path("/run/plumbline") / self.name


def need_root(action: str) -> None:
    """Raise UserError if this process is not root."""
    if os.geteuid() != 0:
        raise UserError(f"{action} needs root: run it as root or with sudo -E")
