"""What a run needs, what was found, and what is missing: the table of `make doctor`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from toolchain import found, golang, parts

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
    """One line of the table. `missing` is what to do about it, empty where nothing is needed; what is not `needed` is
    for the lab alone: existing hosts and a libvirt elsewhere do without."""

    what: str
    found: str
    used: str
    missing: str = ""
    needed: bool = True


def findings(project: Path) -> list[Finding]:
    """Every line, in the order of a run."""
    return [_python(), _packages(project), *_engine(), _go(), *_lab()]


def table(rows: list[Finding]) -> str:
    """The lines as text in columns, a closing sentence last."""
    cells = [("", "FOUND", "USED", "MISSING")]
    cells += [(row.what, _short(row.found), _short(row.used), row.missing) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(3)]
    lines = [
        "  ".join([*[cell.ljust(width) for cell, width in zip(line, widths, strict=False)], line[3]]).rstrip()
        for line in cells
    ]
    needed = [row.what for row in rows if row.missing and row.needed]
    lab = [row.what for row in rows if row.missing and not row.needed]
    lines.append(f"missing: {', '.join(needed)}" if needed else "nothing is missing")
    if lab:
        lines.append(f"missing for the lab alone: {', '.join(lab)}")
    return "\n".join(lines)


def _short(text: str) -> str:
    """A text that may begin with a path, the user's home folder written as people do."""
    home = f"{Path.home()}/"
    return f"~/{text.removeprefix(home)}" if text.startswith(home) else text


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    good = sys.version_info >= OLDEST_PYTHON
    return Finding("python", version, sys.executable if good else "-", "" if good else "Python 3.11 or newer")


def _packages(project: Path) -> Finding:
    """The project's virtual environment against its locked requirements."""
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
    """The versions that a locked requirements file pins, by distribution."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE))


def _go() -> Finding:
    present, needed = golang.on_path(), found.own_engine() is None and not parts.complete()
    if present is not None and present[1] is not None:
        version = ".".join(str(part) for part in present[1])
        return Finding("go", version, present[0] if needed else "only to build", needed=needed)
    if golang.fetched().exists():
        return Finding("go", golang.RELEASE, str(golang.fetched()) if needed else "only to build", needed=needed)
    what = "-" if present is None else f"{present[0]}, too old"
    hint = f"`make tools` fetches {golang.RELEASE}" if needed else ""
    return Finding("go", what, "-" if needed else "only to build", hint, needed)


def _engine() -> list[Finding]:
    theirs, own = found.engine(), found.own_engine()
    seen = "-"
    if theirs is not None:
        plugins = ", ".join(str(part.plugin) for part in theirs.plugins)
        lacks = theirs.lacks or (f"lacks plugin {plugins}" if plugins else "")
        seen = f"{theirs.path} {theirs.version}" + (f", {lacks}" if lacks else "")
    built = parts.complete()
    ours = f"{parts.home() / 'bin/pulumi'} {parts.ENGINE_VERSION}" if built else "-"
    missing = "" if own is not None or built else "`make tools`"
    rows = [Finding("pulumi", seen, ours if own is None else own.path, missing)]
    for part in parts.PLUGINS:
        has = theirs is not None and part not in theirs.plugins
        used = "Pulumi's own" if own is not None else "built here" if built else "-"
        rows.append(Finding(f"plugin {part.plugin}", part.version if has or built else "-", used, missing))
    return rows


def _lab() -> list[Finding]:
    rows = []
    for program, purpose in (
        ("qemu-system-x86_64", "VMs"),
        ("libvirtd", "VMs"),
        ("systemd-nspawn", "container hosts"),
        ("mmdebstrap", "images"),
        ("dnsmasq", "the VMs' network"),
    ):
        # The system's own folders too: a user's PATH often lacks them.
        path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        hint = "" if path else f"`make packages` ({purpose})"
        rows.append(Finding(program, path or "-", f"lab: {purpose}" if path else "-", hint, needed=False))
    kvm = Path("/dev/kvm")
    opens = kvm.exists() and os.access(kvm, os.R_OK | os.W_OK)
    rows.append(Finding("/dev/kvm", "opens" if opens else "-", "lab: if a guest boots under it, else emulation"))
    root = os.geteuid() == 0
    rows.append(Finding("root", "yes" if root else "no", "lab", "" if root else "run the lab as root", needed=False))
    return rows
