"""What a run needs, what was found, and what is missing: the table of `make doctor`."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from toolchain import found, parts


@dataclass(frozen=True)
class Finding:
    """One line of the table. `missing` is what to do about it, empty where nothing is needed."""

    what: str
    found: str
    used: str
    missing: str = ""


def findings() -> list[Finding]:
    """Every line, in the order of a run."""
    return [_python(), _go(), *_engine(), *_lab()]


def table(rows: list[Finding]) -> str:
    """The lines as text in columns, a closing sentence last."""
    cells = [("", "FOUND", "USED", "MISSING"), *[(row.what, row.found, row.used, row.missing) for row in rows]]
    widths = [max(len(line[column]) for line in cells) for column in range(3)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip()
        + (f"  {line[3]}" if line[3] else "")
        for line in cells
    ]
    needed = [row.what for row in rows if row.missing]
    lines.append(f"missing: {', '.join(needed)}" if needed else "nothing is missing")
    return "\n".join(lines)


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    good = sys.version_info >= (3, 11)
    return Finding("python", version, sys.executable if good else "", "" if good else "Python 3.11 or newer")


def _go() -> Finding:
    own = found.own_engine() is not None
    compiler = found.go()
    if compiler is None:
        needed = not own and not (parts.home() / "complete").exists()
        return Finding("go", "-", "no", f"Go {parts.GO} or newer, to build Pulumi" if needed else "")
    version = ".".join(str(part) for part in compiler[1] or ())
    return Finding("go", version, "no" if own else compiler[0])


def _engine() -> list[Finding]:
    own = found.own_engine()
    on_path = shutil.which("pulumi") or "-"
    if own is not None:
        return [
            Finding("pulumi", own, own),
            *[Finding(f"plugin {part.plugin}", part.version, "Pulumi's own") for part in parts.PLUGINS],
        ]
    built = (parts.home() / "complete").exists()
    use = f"built here, {parts.ENGINE_VERSION}" if built else ""
    missing = "" if built else "run `make tools`"
    rows = [Finding("pulumi", on_path, use, missing)]
    return rows + [
        Finding(f"plugin {part.plugin}", part.version if built else "-", "built here" if built else "", missing)
        for part in parts.PLUGINS
    ]


def _lab() -> list[Finding]:
    """Only the lab and its stacks need these; existing hosts and a remote libvirt do without."""
    rows = []
    for program, purpose in (
        ("qemu-system-x86_64", "VMs of the lab"),
        ("libvirtd", "VMs of the lab"),
        ("systemd-nspawn", "container hosts of the lab"),
        ("mmdebstrap", "images of the lab"),
        ("ssh", "`make status` needs none; tests do"),
    ):
        path = shutil.which(program)
        rows.append(
            Finding(program, path or "-", "lab" if path else "", "" if path else f"`make packages` ({purpose})")
        )
    kvm = Path("/dev/kvm")
    usable = kvm.exists() and os.access(kvm, os.R_OK | os.W_OK)
    rows.append(Finding("/dev/kvm", "opens" if usable else "-", "if a guest boots under it", ""))
    return rows
