"""Builds the mirror's artifacts into the cache, each once per version and inputs, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from lab import archive, parts
from lab.context import SOURCES, Lab, LabError, cache, locked, say
from lab.parts import IMAGES, PARTS, Part

SUMS = "SHA256SUMS"
_KEY_LENGTH = 16


def artifacts() -> list[Path]:
    """Builds what is missing. Returns a folder for each part: the part's piece of the mirror tree, with SHA256SUMS.

    A first run takes minutes and shows progress, a later one milliseconds. Raises LabError.
    """
    made = [_made(part.folder, part.version, _inputs(part), partial(_go, part)) for part in PARTS]
    return [*made, _made("pause", parts.PAUSE, _pause_inputs(), _pause), *(_image(one, made) for one in IMAGES)]


def _image(image: parts.Image, built: Sequence[Path]) -> Path:
    """An image of a built program, made anew when that is, or a tool of it."""
    [folder] = [folder for folder in built if (folder / image.program).exists()]
    tools: dict[str, Path] = {}
    for tool in image.tools:
        tools |= _with_libraries(tool)
    architecture = _go_version().split()[1]
    links = {}
    if image.shell:
        # Dynamically linked: a static one cannot resolve names with the C library that it is of.
        tools |= {name.removeprefix("usr/"): file for name, file in _with_libraries("busybox").items()}
        applets = run(["busybox", "--list"]).split()
        links = {f"bin/{name}": "busybox" for name in applets if name != "busybox"}
    user = "0:0" if image.root else archive.NOBODY
    # The sums stand for the program, which takes a while to read.
    inputs = [Path(archive.__file__), folder / SUMS, *tools.values()]
    key = digest(repr(image), *(file.read_bytes() for file in inputs))
    files = {image.entry: folder / image.program, **tools}

    def pack(into: Path) -> None:
        (into / image.path).parent.mkdir(parents=True)
        (into / image.path).write_bytes(archive.image(files, image.name, architecture, links, image.command, user))

    return _made("image", Path(image.path).stem, key, pack)


def _with_libraries(tool: str) -> dict[str, Path]:
    """A program of this machine and the libraries it loads, by their paths in an image."""
    found = str(_tool(tool))
    listed = [word for line in run(["ldd", found]).splitlines() for word in line.split() if word.startswith("/")]
    return {name.lstrip("/"): Path(name).resolve() for name in (found, *listed)}


def _tool(name: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise LabError(f"there is no {name} here: run `python -m lab packages --install`")
    return Path(found)


def conformance() -> Path:
    """Kubernetes' own end-to-end tests as one program. Raises LabError."""
    part = parts.CONFORMANCE
    return _made("conformance", part.version, _inputs(part), partial(_go, part)) / "e2e.test"


def kube_bench() -> Path:
    """The folder of the CIS benchmark's program, `kube-bench`, and of the checks in its module, `cfg`. Raises LabError."""
    part = parts.CIS

    def pack(into: Path) -> None:
        _go(part, into)
        [package] = part.programs.values()
        module = Path(run(["go", "list", "-m", "-f", "{{.Dir}}", package], SOURCES / "artifacts" / part.folder).strip())
        (into / "cfg").mkdir()
        for name in ("config.yaml", parts.CIS_BENCHMARK):
            run(["cp", "-r", "--no-preserve=mode", str(module / "cfg" / name), str(into / "cfg")])

    return _made("kube-bench", part.version, _inputs(part), pack)


def mirror(lab: Lab) -> None:
    """Makes the lab's mirror tree hold exactly the artifacts, and SHA256SUMS. Leaves alone what is right already."""
    folders = artifacts()
    sums = "".join(sorted(line for folder in folders for line in (folder / SUMS).open()))
    wanted = {Path(line.split("  ", 1)[1].rstrip("\n")): None for line in sums.splitlines()}
    for folder in folders:
        for name in wanted:
            if (folder / name).exists():
                _place(folder / name, lab.mirror / name)
    _write(lab.mirror / SUMS, sums.encode())
    for file in [file for file in lab.mirror.rglob("*") if file.is_file()]:
        if file.relative_to(lab.mirror) not in wanted and file.name != SUMS:
            file.unlink()


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Says what begins, every half minute that it goes on, and how long it took."""
    say(f"{what} ...")
    begun, done = time.monotonic(), threading.Event()

    def tick() -> None:
        while not done.wait(30):
            say(f"{what} ... {time.monotonic() - begun:.0f} s so far")

    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    finally:
        done.set()
        ticker.join()
    say(f"{what}: {time.monotonic() - begun:.0f} s")


def digest(*inputs: bytes | str) -> str:
    """A short key for what something was built from."""
    summed = hashlib.sha256()
    for item in inputs:
        content = item.encode() if isinstance(item, str) else item
        summed.update(f"{len(content)}:".encode() + content)
    return summed.hexdigest()[:_KEY_LENGTH]


def made(kind: str, name: str, what: str, make: Callable[[Path], None]) -> Path:
    """A folder of the cache that `make` filled, whole or not at all; makes it where it is missing."""
    target = cache() / kind / name
    if target.exists():
        return target
    with locked(cache() / kind / ".lock"):
        if not target.exists():
            staged = target.with_name(f".partial-{name}")
            shutil.rmtree(staged, ignore_errors=True)
            staged.mkdir(parents=True)
            with progress(what):
                make(staged)
            staged.rename(target)
    return target


def _made(folder: str, version: str, key: str, make: Callable[[Path], None]) -> Path:
    def with_sums(into: Path) -> None:
        make(into)
        files = sorted(file for file in into.rglob("*") if file.is_file())
        lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(into)}\n" for file in files]
        (into / SUMS).write_text("".join(lines))

    return made("artifacts", f"{folder}-{version}-{key}", f"building {folder} {version}", with_sums)


def _inputs(part: Part) -> str:
    module = SOURCES / "artifacts" / part.folder
    return digest(repr(part), _go_version(), *(file.read_bytes() for file in sorted(module.iterdir())))


def _go_version() -> str:
    go = shutil.which("go")
    if go is None:
        raise LabError(
            "building the node binaries takes `go` on PATH: install Go 1.26 or newer from go.dev or your distribution"
        )
    return run([go, "env", "GOVERSION", "GOARCH"])


def _go(part: Part, into: Path) -> None:
    """Builds a part's programs. go.sum pins every module, so nothing but these sources can come out."""
    if part.c:
        _need_c()
    variables = " ".join(f"-X {name}={value}" for name, value in part.variables.items())
    for path, package in part.programs.items():
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        flags = ["-mod=readonly", "-trimpath", "-buildvcs=false", f"-tags={part.tags}"]
        linker = f"-ldflags=-s -w {variables} {part.linker}".rstrip()
        run(
            ["go", *(("test", "-c") if part.tests else ("build",)), *flags, linker, "-o", str(into / path), package],
            SOURCES / "artifacts" / part.folder,
            {"CGO_ENABLED": "1" if part.c else "0", "GOFLAGS": "", "GOWORK": "off"},
        )
        (into / path).chmod(0o755)


def _pause_inputs() -> str:
    return digest(Path(archive.__file__).read_bytes(), (SOURCES / "artifacts/pause/pause.c").read_bytes())


def _pause(into: Path) -> None:
    _need_c()
    program = into / "pause"
    run(["gcc", "-Os", "-Wall", "-static", "-s", "-o", str(program), str(SOURCES / "artifacts/pause/pause.c")])
    target = into / parts.PAUSE_PATH
    target.parent.mkdir(parents=True)
    target.write_bytes(archive.image({"pause": program}, parts.PAUSE_IMAGE, _go_version().split()[1]))
    program.unlink()


def _need_c() -> None:
    if shutil.which("gcc") is None or shutil.which("pkg-config") is None:
        raise LabError(
            "building runc and the pause image takes gcc and libseccomp: run `python -m lab packages --install`"
        )


def _place(source: Path, target: Path) -> None:
    """Puts a file of the cache into the mirror: a hard link, or a copy where that cannot be."""
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


def _same(one: Path, other: Path) -> bool:
    left, right = one.stat(), other.stat()
    return (left.st_size, left.st_mtime_ns) == (right.st_size, right.st_mtime_ns)


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.with_name(f".{target.name}")
    staged.write_bytes(content)
    staged.replace(target)


def run(
    command: Sequence[str],
    folder: Path = SOURCES,
    environment: Mapping[str, str] | None = None,
    *,
    contained: bool = False,
) -> str:
    """Runs one command of a build; it ends when this process does, even by kill -9. Returns what it printed.

    `contained` (takes root) ends all that it has started with it, and its mounts. Raises LabError with its last lines.
    """
    bound = ["setpriv", "--pdeathsig", "KILL"]
    if contained:
        bound += ["unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"]
    done = subprocess.run(
        [*bound, *command],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LabError(f"`{' '.join(command)}` failed in {folder}:\n{done.stdout.strip()[-3000:]}")
    return done.stdout
