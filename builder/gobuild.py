"""`go build` of one program of a Go module whose go.sum pins every dependency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from builder.errors import UserError
from builder.golang import Go, environment
from builder.log import progress
from builder.process import run


def build(
    go: Go,
    module: Path,
    package: str,
    program: Path,
    *,
    name: str,
    variables: Mapping[str, str] | None = None,
    tags: str = "",
    linker: Sequence[str] = (),
    cgo: bool = False,
    tests: bool = False,
) -> None:
    """Build `package` from the module in folder `module`, and write it as the executable `program`.

    `name` is the program and version in messages. `variables` are set by the linker, `linker` are further flags for
    it. `cgo` allows C code. `tests` builds the tests of the package as a program. Raises UserError with the compiler's
    messages.
    """
    program.parent.mkdir(parents=True, exist_ok=True)
    flags = ["-v", "-mod=readonly", "-trimpath", "-buildvcs=false", f"-tags={tags}"]
    values = [f"-X {variable}={value}" for variable, value in (variables or {}).items()]
    flags.append(" ".join(["-ldflags=-s -w", *values, *linker]))
    command = [go.path, *(("test", "-c") if tests else ("build",)), *flags, "-o", str(program), package]
    downloaded = compiled = 0
    with progress(f"building {name}") as shown:

        def count(line: str) -> None:
            # With -v, go prints each module that it downloads and each package that it compiles.
            nonlocal downloaded, compiled
            if line.startswith("go: downloading"):
                downloaded += 1
            else:
                compiled += 1
            shown.detail = f"{downloaded} modules downloaded, {compiled} packages compiled"

        try:
            run(command, module, environment(cgo), each_line=count)
        except UserError as error:
            raise UserError(f"building {name} failed (can Go reach its module proxy?): {error}") from None
    program.chmod(0o755)
