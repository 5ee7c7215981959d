"""The VM image: Debian with CoreOS's Ignition, built once per recipe into the cache."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from lab.build import digest, made
from lab.context import SOURCES, Lab, LabError, need_root

FILES = ("base.qcow2", "vmlinuz", "initrd")
RECIPE = SOURCES / "image"


def ensure(lab: Lab) -> None:
    """Builds the image where it is missing (minutes), and links it to .lab/image with its checksums. Raises LabError."""
    need_root("building the VM image")
    recipe = [file.read_bytes() for file in sorted(RECIPE.iterdir()) if file.is_file()]
    built = made("image", digest(*recipe), "building the VM image", _build)
    target = lab.state / "image"
    target.mkdir(parents=True, exist_ok=True)
    for name in (*FILES, "SHA256SUMS"):
        link = target / name
        if not link.is_symlink() or link.readlink() != built / name:
            link.unlink(missing_ok=True)
            link.symlink_to(built / name)


def _build(into: Path) -> None:
    done = subprocess.run(
        ["sh", str(RECIPE / "build.sh"), str(into)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LabError(f"building the VM image failed:\n{done.stdout.strip()[-3000:]}")
    lines = []
    for name in FILES:
        with (into / name).open("rb") as opened:
            lines.append(f"{hashlib.file_digest(opened, 'sha256').hexdigest()}  {name}\n")
    (into / "SHA256SUMS").write_text("".join(lines))
