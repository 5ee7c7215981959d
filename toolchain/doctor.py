"""The table of `make doctor`: what a run needs, what was found, and what is missing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from builder import golang, packages
from builder.errors import UserError
from toolchain import found, parts

OLDEST_PYTHON = (3, 11)

# Of the versions pinned in requirements.txt, prints those that are not installed as a JSON object.
_INSTALLED = """
import json, sys
from importlib import metadata
wanted, missing = json.load(sys.stdin), {}
for name, version in wanted.items():
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        found = "-"
    if found != version:
        missing[name] = found
print(json.dumps(missing))
"""


@dataclass(frozen=True)
class Finding:
    """A line of the table. `missing` says what to do, and is empty if nothing is missing.

    A line that is not `needed` is for the lab only, not for existing hosts or another libvirt.
    """

    name: str
    found: str
    used: str
    missing: str = ""
    needed: bool = True


def findings(project: Path) -> list[Finding]:
    """Return all lines, in the order in which a run needs them."""
    return [_python(), _packages(project), *_engine(), _go(), *_lab()]


def table(rows: list[Finding]) -> str:
    """Format the lines as columns, and a summary below them."""
    cells = [("", "FOUND", "USED", "MISSING")]
    cells += [(row.name, _short(row.found), _short(row.used), row.missing) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(3)]
    lines = [
        "  ".join([*[cell.ljust(width) for cell, width in zip(line, widths, strict=False)], line[3]]).rstrip()
        for line in cells
    ]
    needed = [row.name for row in rows if row.missing and row.needed]
    lab = [row.name for row in rows if row.missing and not row.needed]
    lines.append(f"missing: {', '.join(needed)}" if needed else "nothing is missing")
    if lab:
        lines.append(f"missing for the lab only: {', '.join(lab)}")
    return "\n".join(lines)


def _short(text: str) -> str:
    """Abbreviate the home folder to ~ at the start of a text."""
    home = f"{Path.home()}/"
    return f"~/{text.removeprefix(home)}" if text.startswith(home) else text


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    good = sys.version_info >= OLDEST_PYTHON
    return Finding("python", version, sys.executable if good else "-", "" if good else "Python 3.11 or newer")


def _packages(project: Path) -> Finding:
    """Compare the project's virtual environment with its locked requirements."""
    locked, python = project / "requirements.txt", project / ".venv/bin/python"
    wanted = pinned(locked.read_text()) if locked.exists() else {}
    if not python.exists():
        return Finding("python packages", "-", "-", "`make .venv/installed`")
    done = subprocess.run(
        [python, "-c", _INSTALLED], input=json.dumps(wanted), capture_output=True, text=True, check=False
    )
    missing = json.loads(done.stdout) if done.returncode == 0 else dict.fromkeys(wanted, "-")
    hint = f"`make .venv/installed`: {', '.join(f'{name} {wanted[name]}' for name in missing)}" if missing else ""
    return Finding("python packages", f"{len(wanted) - len(missing)} of {len(wanted)}", str(python.parents[1]), hint)


def pinned(text: str) -> dict[str, str]:
    """Return the versions that a locked requirements file pins, by distribution."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE))


def _go() -> Finding:
    needed = found.own_engine() is None and not parts.complete()
    path = shutil.which("go")
    go = golang.asked(path) if path is not None else None
    if go is None and golang.fetched().exists():
        go = golang.asked(str(golang.fetched()))
    if go is not None:
        return Finding("go", go.version.removeprefix("go"), go.path if needed else "for builds only", needed=needed)
    too_old = "-" if path is None else f"{path}, too old"
    hint = f"`make tools` fetches {golang.FETCHED}" if needed else ""
    return Finding("go", too_old, "-" if needed else "for builds only", hint, needed)


def _engine() -> list[Finding]:
    theirs, own = found.engine(), found.own_engine()
    seen = "-"
    if theirs is not None:
        plugins = ", ".join(str(part.plugin) for part in theirs.missing_plugins)
        problem = theirs.problem or (f"lacks plugin {plugins}" if plugins else "")
        seen = f"{theirs.path} {theirs.version}" + (f", {problem}" if problem else "")
    built = parts.complete()
    ours = f"{parts.home() / 'bin/pulumi'} {parts.ENGINE_VERSION}" if built else "-"
    missing = "" if own is not None or built else "`make tools`"
    rows = [Finding("pulumi", seen, ours if own is None else own.path, missing)]
    for part in parts.PLUGINS:
        has = theirs is not None and part not in theirs.missing_plugins
        used = "Pulumi's own" if own is not None else "built here" if built else "-"
        rows.append(Finding(f"plugin {part.plugin}", part.version if has or built else "-", used, missing))
    return rows


def _lab() -> list[Finding]:
    rows = []
    for purpose in packages.LAB:
        count = len(packages.wanted(purpose))
        try:
            missing = packages.missing(purpose)
        except UserError as error:
            rows.append(Finding(f"packages: {purpose}", "-", "-", str(error), needed=False))
            continue
        hint = f"`make packages`: {', '.join(missing)}" if missing else ""
        used = "-" if missing else f"lab: {purpose}"
        rows.append(Finding(f"packages: {purpose}", f"{count - len(missing)} of {count}", used, hint, needed=False))
    kvm = Path("/dev/kvm")
    opens = kvm.exists() and os.access(kvm, os.R_OK | os.W_OK)
    rows.append(Finding("/dev/kvm", "opens" if opens else "-", "lab: if a guest boots with it, else emulation"))
    root = os.geteuid() == 0
    rows.append(Finding("root", "yes" if root else "no", "lab", "" if root else "run the lab as root", needed=False))
    return rows
