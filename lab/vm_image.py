"""The VM image: Debian with CoreOS's Ignition, built into the cache once per recipe."""

from __future__ import annotations

import hashlib
from pathlib import Path

from builder.cache import cached, digest
from builder.log import progress
from builder.process import run
from lab.context import SOURCES, Lab, need_root

FILES = ("base.qcow2", "vmlinuz", "initrd")
RECIPE = SOURCES / "image"


def ensure(lab: Lab) -> None:
    """Build the image if it is missing (minutes), and link it to .lab/image with its checksums. Raises UserError."""
    need_root("building the VM image")
    recipe = [file.read_bytes() for file in sorted(RECIPE.iterdir()) if file.is_file()]
    built = cached(f"image/{digest(*recipe)}", _build)
    target = lab.state / "image"
    target.mkdir(parents=True, exist_ok=True)
    for name in (*FILES, "SHA256SUMS"):
        link = target / name
        if not link.is_symlink() or link.readlink() != built / name:
            link.unlink(missing_ok=True)
            link.symlink_to(built / name)


def _build(into: Path) -> None:
    with progress("building the VM image"):
        run(["sh", str(RECIPE / "build.sh"), str(into)])
    lines = []
    for name in FILES:
        with (into / name).open("rb") as opened:
            lines.append(f"{hashlib.file_digest(opened, 'sha256').hexdigest()}  {name}\n")
    (into / "SHA256SUMS").write_text("".join(lines))
