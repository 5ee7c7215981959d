"""Commands of a build. Each ends when the process that started it does."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from builder.errors import UserError

_SHOWN = 3000
"""Characters of a failed command's output in its error: the last ones name the cause."""


def run(
    command: Sequence[str],
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    contained: bool = False,
    each_line: Callable[[str], None] | None = None,
) -> str:
    """Run a command and return its output, both streams. Raises UserError with the end of the output if it fails.

    The command is killed when this process ends, even by SIGKILL. `contained` (needs root) runs it in its own mount
    and process namespaces: its children and mounts end with it. `each_line` is called with each line as it is printed.
    """
    bound = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    if contained:
        bound += ["unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"]
    lines: list[str] = []
    try:
        process = subprocess.Popen(
            [*bound, *command],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except OSError as error:
        raise UserError(f"cannot run {command[0]}: {error.strerror}") from None
    with process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.append(line)
                if each_line is not None:
                    each_line(line.rstrip())
        except BaseException:
            # The terminal's signal does not always reach the command itself.
            process.terminate()
            raise
    output = "".join(lines)
    if process.returncode != 0:
        where = f" in {folder}" if folder else ""
        raise UserError(f"`{' '.join(command)}` failed{where}:\n{output.strip()[-_SHOWN:]}")
    return output
