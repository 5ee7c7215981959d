"""Command line of the toolchain: `python -m toolchain install | env | doctor`."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from toolchain import build, doctor
from toolchain.environment import environment


def main() -> int:
    """Exit code 0, or 1 with one line on standard error (doctor: where something is missing)."""
    parser = argparse.ArgumentParser(prog="python -m toolchain", description=__doc__)
    parser.add_argument("task", choices=["install", "env", "doctor"])
    parser.add_argument("--project", type=Path, default=Path.cwd(), help="the project folder (default: this one)")
    arguments = parser.parse_args()
    try:
        if arguments.task == "install":
            build.install()
        elif arguments.task == "env":
            for name, value in environment(arguments.project).items():
                print(f"export {name}={shlex.quote(value)}")
        else:
            rows = doctor.findings()
            print(doctor.table(rows))
            return int(any(row.missing for row in rows))
    except build.ToolchainError as error:
        print(f"toolchain: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
