"""Finds a Pulumi engine with its plugins, or builds them from pinned Go modules into a cache.

install makes them ready, env prints what to export (eval "$(python -m toolchain env)"), doctor prints a table of what
was found, what is used and what is missing. go prints the path of a Go compiler, and fetches one where there is none.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from pathlib import Path

from toolchain import build, doctor, golang
from toolchain.environment import environment
from toolchain.errors import ToolchainError


def main() -> int:
    """Exit code 0, or 1 with one line on standard error (doctor: where something needed is missing)."""
    parser = argparse.ArgumentParser(
        prog="python -m toolchain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=["install", "env", "doctor", "go"])
    parser.add_argument("--project", type=Path, default=Path.cwd(), help="the project folder (default: this one)")
    arguments = parser.parse_args()
    # A reader that has seen enough (`| head`) ends this quietly.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        if arguments.task == "install":
            build.install()
        elif arguments.task == "go":
            print(golang.compiler())
        elif arguments.task == "env":
            for name, value in environment(arguments.project).items():
                print(f"export {name}={shlex.quote(value)}")
        else:
            rows = doctor.findings(arguments.project)
            print(doctor.table(rows))
            return int(any(row.missing and row.needed for row in rows))
    except ToolchainError as error:
        print(f"toolchain: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("toolchain: interrupted; what is built so far is kept", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
