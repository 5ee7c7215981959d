"""A node as it is now: every path below the managed folders and every unit, and the difference between two records."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.forecast.services import RELOADS

ROOTS = (
    *("/etc/forecast", "/etc/forecast-other", "/opt/forecast", "/etc/systemd/system", "/run/systemd/system"),
    *("/etc/kubernetes", "/etc/containerd", "/etc/cni", "/etc/plumbline", "/opt/bin", "/opt/cni", "/etc/sysctl.d"),
    *("/etc/hosts", "/etc/systemd/networkd.conf.d", "/var/lib/plumbline/images", "/var/lib/kubelet/volumeplugins"),
)
ENABLEMENT = re.compile(r"\.(wants|requires|upholds)(/|$)|^/run/systemd/system(?!/[^/]+\.d/)")
"""Links that `systemctl enable` and `mask` make are settings of units, not files."""
ALIAS = re.compile(r"/(?:usr/lib|lib|etc)/systemd/system/([^/]+\.(?:service|socket|target|timer|path|mount))")
"""The target of a link below /etc/systemd/system by which an enabled unit has a second name (`Alias=`)."""

STAGED = ".plumbline-new"
"""The ending of the provider's staged files, which wait beside their targets and must be gone after an update."""

ADDED, REMOVED, WRITTEN, SHAPED = "added", "removed", "written", "mode or owner"
START, RESTART, RELOAD, STOP = "start", "restart", "reload", "stop"
PROPERTIES = "Id,LoadState,ActiveState,SubState,UnitFileState,InvocationID,ExecMainStartTimestampMonotonic,NRestarts"


@dataclass(frozen=True)
class Path:
    """One path: its type, content by checksum or target, mode, owner, inode and time of change."""

    kind: str
    inode: str
    changed: str
    shape: str
    target: str
    checksum: str = ""

    @property
    def text(self) -> tuple[str, ...]:
        """Equal for the same text in the same inode."""
        return self.kind, self.inode if self.kind != "d" else "", self.target, self.checksum


@dataclass(frozen=True)
class Unit:
    """One unit in the words of systemd."""

    properties: dict[str, str]

    @property
    def active(self) -> bool:
        """Whether it runs. Between two tries after a failure it does not."""
        state, sub = self.properties.get("ActiveState"), self.properties.get("SubState")
        return state in ("active", "reloading", "activating") and sub != "auto-restart"

    @property
    def failing(self) -> bool:
        """Whether it failed, or is restarted again and again."""
        state, sub = self.properties.get("ActiveState"), self.properties.get("SubState")
        return state == "failed" or (state, sub) == ("activating", "auto-restart")

    @property
    def run(self) -> tuple[str | None, str | None]:
        """Changes exactly when the unit is started again."""
        begun = self.properties.get("ExecMainStartTimestampMonotonic") or "0"
        return self.properties.get("InvocationID") or None, None if begun == "0" else begun


@dataclass(frozen=True)
class Record:
    """Paths and units of one node at one moment, and how often each unit was reloaded."""

    paths: dict[str, Path] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    reloads: dict[str, int] = field(default_factory=dict)
    probes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Happened:
    """The changes between two records: by path, by unit, and the units whose UnitFileState differs."""

    paths: dict[str, str]
    steps: dict[str, str]
    settings: frozenset[str]

    @property
    def nothing(self) -> bool:
        """Whether the node is as it was."""
        return not (self.paths or self.steps or self.settings)


def unrecorded(paths: Iterable[str]) -> list[str]:
    """Those of the paths that no record has, since they are below none of the recorded folders."""
    return sorted(
        path for path in paths if not path.startswith(tuple(f"{root}/" for root in ROOTS)) and path not in ROOTS
    )


def script(units: Iterable[str], probes: dict[str, str]) -> str:
    """Prints the record. Text of the size of a program is not read: its inode and time of change tell."""
    roots = " ".join(ROOTS)
    lines = [
        "LC_ALL=C; export LC_ALL",
        f"find {roots} -printf 'path\\t%y\\t%i\\t%C@\\t%04m %u:%g\\t%l\\t%p\\n' 2>/dev/null || true",
        # An inode's number is used again for the next file, at once: its birth tells them apart.
        f"find {roots} -type f -exec stat --printf 'born\\t%w\\t%n\\n' {{}} + 2>/dev/null || true",
        f"find {roots} -type f -size -512k -print0 2>/dev/null | xargs -0 -r sha256sum | sed 's/^/sum\\t/'",
        f"systemctl show --property {PROPERTIES} {' '.join(sorted(units))} | sed 's/^/unit\\t/'",
        f"[ ! -e {RELOADS} ] || sed 's/^/reload\\t/' {RELOADS}",
    ]
    for name, command in probes.items():
        lines.append(f"printf 'probe\\t{name}\\t%s\\n' \"$( ({command}) 2>/dev/null | tr '\\n\\t' '  ')\"")
    return "\n".join([*lines, ""])


def parse(printed: str) -> Record:
    """The record that `script` printed."""
    paths: dict[str, Path] = {}
    sums: dict[str, str] = {}
    born: dict[str, str] = {}
    record = Record()
    found: list[dict[str, str]] = [{}]
    for line in printed.splitlines():
        kind, _, rest = line.partition("\t")
        match kind:
            case "path":
                shape, inode, changed, mode, target, path = rest.split("\t", 5)
                paths[path] = Path(shape, inode, changed, mode, target)
            case "born":
                when, _, path = rest.partition("\t")
                born[path] = when
            case "sum":
                sums[rest[66:]] = rest[:64]
            case "unit":
                if rest:
                    name, _, value = rest.partition("=")
                    found[-1][name] = value
                else:
                    found.append({})
            case "reload":
                record.reloads[rest] = record.reloads.get(rest, 0) + 1
            case "probe":
                name, _, value = rest.partition("\t")
                record.probes[name] = value.strip()
    for path, one in paths.items():
        if not (ENABLEMENT.search(path) or _alias(path, one)):
            summed = sums.get(path) or (one.changed if one.kind == "f" else "")
            record.paths[path] = Path(
                one.kind, f"{one.inode} {born.get(path, '')}", one.changed, one.shape, one.target, summed
            )
    record.units.update({one["Id"]: Unit(one) for one in found if "Id" in one})
    return record


def _alias(path: str, one: Path) -> bool:
    folder, _, name = path.rpartition("/")
    target = ALIAS.fullmatch(one.target)
    return folder == "/etc/systemd/system" and one.kind == "l" and target is not None and target[1] != name


def difference(before: Record, after: Record) -> Happened:
    """The changes from one record to the other."""
    paths = {}
    for path in sorted(before.paths.keys() | after.paths.keys()):
        old, new = before.paths.get(path), after.paths.get(path)
        if path.endswith(STAGED):
            continue
        if old is None:
            paths[path] = ADDED
        elif new is None:
            paths[path] = REMOVED
        elif old.text != new.text:
            paths[path] = WRITTEN
        elif old.shape != new.shape:
            paths[path] = SHAPED
    steps, settings = {}, set()
    for name, now in after.units.items():
        was = before.units.get(name, Unit({}))
        reloaded = after.reloads.get(name, 0) > before.reloads.get(name, 0)
        if step := _step(was, now, reloaded):
            steps[name] = step
        state = was.properties.get("UnitFileState"), now.properties.get("UnitFileState")
        if all(state) and state[0] != state[1]:
            settings.add(name)
    return Happened(paths, steps, frozenset(settings))


def _step(was: Unit, now: Unit, reloaded: bool) -> str | None:
    if was.active and not now.active:
        return STOP
    if was.run != now.run and any(now.run):
        if was.active:
            return RESTART
        return START if now.active or not was.failing else None
    return RELOAD if reloaded else None
