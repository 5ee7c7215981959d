"""Where one lab keeps its things, and the one error that all of it raises."""

from __future__ import annotations

import fcntl
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent


class LabError(Exception):
    """Something that the user can mend; the text is one line that says how."""


@dataclass(frozen=True)
class Lab:
    """One lab: the project it belongs to and its name on this machine.

    The name (PLUMBLINE_LAB, else `plumbline`) names the network namespace, the control groups and the containers,
    so that labs of different names run side by side with the same addresses.
    """

    project: Path
    name: str

    @classmethod
    def of(cls, project: Path) -> Lab:
        """The lab of a project folder. Raises LabError for a name that cannot be used."""
        name = os.environ.get("PLUMBLINE_LAB", "plumbline")
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name):
            raise LabError(f"PLUMBLINE_LAB is {name!r}: it may have 31 letters a-z, digits and dashes")
        return cls(project.resolve(), name)

    @property
    def state(self) -> Path:
        """Working state of this checkout."""
        return self.project / ".lab"

    @property
    def hosts(self) -> Path:
        """One folder for each container host."""
        return self.state / "hosts"

    @property
    def mirror(self) -> Path:
        """The served tree of artifacts."""
        return self.state / "mirror"

    @property
    def namespace(self) -> Path:
        """The network namespace's file, as `nsenter --net=` takes it."""
        return Path("/run/netns") / self.name

    @property
    def owner(self) -> Path:
        """Names the project whose lab holds the namespace."""
        return Path("/run/plumbline") / self.name


def cache() -> Path:
    """The folder for slow builds: PLUMBLINE_CACHE, else plumbline in the user's cache folder."""
    if named := os.environ.get("PLUMBLINE_CACHE"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "plumbline"


def say(text: str) -> None:
    """One line of progress, on standard error: standard output is for results."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock file; waits for another run, saying so. The lock ends with the process, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another run that holds {path}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def need_root(what: str) -> None:
    """Raises LabError where this is not root."""
    if os.geteuid() != 0:
        raise LabError(f"{what} takes root: run it as root or with sudo -E")
