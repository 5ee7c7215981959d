"""Builds the mirror's artifacts into the cache: each once per version and inputs."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from builder import gobuild, golang
from builder.cache import cached, digest
from builder.errors import UserError
from builder.golang import Go
from builder.log import progress
from builder.process import run
from lab import archive, parts
from lab.context import SOURCES, Lab
from lab.parts import IMAGES, PARTS, Image, Part

SUMS = "SHA256SUMS"
ARTIFACTS = SOURCES / "artifacts"


def artifacts() -> list[Path]:
    """Build the missing parts. Return a folder per part: its files as in the mirror, with SHA256SUMS.

    The first run takes minutes and shows progress, later runs take milliseconds. Raises UserError.
    """
    go = golang.find()
    built = [build_part(part, ARTIFACTS / part.folder, go) for part in PARTS]
    return [*built, _build_pause(go), *(build_image(image, built, go) for image in IMAGES)]


def build_part(part: Part, module: Path, go: Go, name: str = "") -> Path:
    """Build the programs of a part from its Go module; return their folder in the cache. Raises UserError.

    `name` is the part's name in the cache, by default its folder's.
    """
    key = digest(
        repr(part),
        f"{go.version}\n{go.architecture}\n",
        *(file.read_bytes() for file in sorted(module.iterdir()) if file.is_file()),
    )

    def make(into: Path) -> None:
        if part.c:
            _need_c_compiler()
        for path, package in part.programs.items():
            gobuild.build(
                go,
                module,
                package,
                into / path,
                name=f"{Path(path).name} {part.version}",
                variables=part.variables,
                tags=part.tags,
                linker=[part.linker] if part.linker else [],
                cgo=part.c,
                tests=part.tests,
            )

    return _cached(name or part.folder, part.version, key, make)


def build_image(image: Image, built: Sequence[Path], go: Go) -> Path:
    """Pack the image of a program that is in one of the folders `built`; return the image's folder. Raises UserError.

    The image is packed again if its program or one of its tools changes.
    """
    [folder] = [folder for folder in built if (folder / image.program).exists()]
    tools: dict[str, Path] = {}
    for tool in image.tools:
        tools |= _with_libraries(tool)
    links = {}
    if image.shell:
        # Dynamically linked: Debian's static busybox cannot resolve host names.
        tools |= {name.removeprefix("usr/"): file for name, file in _with_libraries("busybox").items()}
        applets = run(["busybox", "--list"]).split()
        links = {f"bin/{name}": "busybox" for name in applets if name != "busybox"}
    user = "0:0" if image.root else archive.NOBODY
    # The file of checksums instead of the program itself, which takes longer to read.
    others = {path: ARTIFACTS / name for path, name in image.files.items()}
    inputs = [Path(archive.__file__), folder / SUMS, *others.values(), *tools.values()]
    key = digest(repr(image), *(file.read_bytes() for file in inputs))
    programs = {image.entry: image.program, **image.others}
    files = {**{path: folder / name for path, name in programs.items()}, **others, **tools}

    def make(into: Path) -> None:
        (into / image.path).parent.mkdir(parents=True)
        with progress(f"packing image {image.name}"):
            packed = archive.image(files, image.name, go.architecture, links, image.command, user)
        (into / image.path).write_bytes(packed)

    return _cached("image", Path(image.path).stem, key, make)


def mirror(lab: Lab) -> None:
    """Make the lab's mirror contain exactly the artifacts and SHA256SUMS; files that are up to date are not touched."""
    folders = artifacts()
    sums = "".join(sorted(line for folder in folders for line in (folder / SUMS).open()))
    wanted = {Path(line.split("  ", 1)[1].rstrip("\n")): None for line in sums.splitlines()}
    for folder in folders:
        for name in wanted:
            if (folder / name).exists():
                place(folder / name, lab.mirror / name)
    _write(lab.mirror / SUMS, sums.encode())
    for file in [file for file in lab.mirror.rglob("*") if file.is_file()]:
        if file.relative_to(lab.mirror) not in wanted and file.name != SUMS:
            file.unlink()


def place(source: Path, target: Path) -> None:
    """Put a file of the cache into the mirror: as a hard link, or as a copy if the file systems differ."""
    if target.exists() and (target.samefile(source) or _same(source, target)):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.with_name(f".{target.name}")
    staged.unlink(missing_ok=True)
    try:
        os.link(source, staged)
    except OSError:
        shutil.copy2(source, staged)
    staged.replace(target)


def _build_pause(go: Go) -> Path:
    source = ARTIFACTS / "pause/pause.c"
    key = digest(Path(archive.__file__).read_bytes(), source.read_bytes())

    def make(into: Path) -> None:
        _need_c_compiler()
        program = into / "pause"
        run(["gcc", "-Os", "-Wall", "-static", "-s", "-o", str(program), str(source)])
        target = into / parts.PAUSE_PATH
        target.parent.mkdir(parents=True)
        target.write_bytes(archive.image({"pause": program}, parts.PAUSE_IMAGE, go.architecture))
        program.unlink()

    return _cached("pause", parts.PAUSE, key, make)


def _cached(name: str, version: str, key: str, make: Callable[[Path], None]) -> Path:
    def make_with_sums(into: Path) -> None:
        make(into)
        files = sorted(file for file in into.rglob("*") if file.is_file())
        lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(into)}\n" for file in files]
        (into / SUMS).write_text("".join(lines))

    return cached(f"artifacts/{name}-{version}-{key}", make_with_sums)


def _with_libraries(tool: str) -> dict[str, Path]:
    """Return a program of this machine and the libraries that it loads, by their paths in an image."""
    found = shutil.which(tool)
    if found is None:
        raise UserError(f"there is no {tool} on PATH: run `python -m lab packages --install`")
    listed = [word for line in run(["ldd", found]).splitlines() for word in line.split() if word.startswith("/")]
    return {name.lstrip("/"): Path(name).resolve() for name in (found, *listed)}


def _need_c_compiler() -> None:
    if shutil.which("gcc") is None or shutil.which("pkg-config") is None:
        raise UserError(
            "building runc and the pause image needs gcc, pkg-config and libseccomp: "
            "run `python -m lab packages --install`"
        )


def _same(one: Path, other: Path) -> bool:
    left, right = one.stat(), other.stat()
    return (left.st_size, left.st_mtime_ns) == (right.st_size, right.st_mtime_ns)


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.with_name(f".{target.name}")
    staged.write_bytes(content)
    staged.replace(target)
