"""Finds a Pulumi engine with its plugins, or builds them from pinned Go modules into a cache.

install makes them ready. env prints the exports that `pulumi` needs: eval "$(python -m toolchain env)". doctor prints a
table of what was found, what is used and what is missing. go prints the path of a Go compiler, and fetches one if there
is none. unlock removes the locks that killed runs of a stack left in a local state folder. creation prepares the first `pulumi up` of
a stack with many nodes, and prints the exports for it.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from builder import golang
from builder.errors import UserError
from toolchain import build, creation, doctor, locks
from toolchain.environment import environment


def main() -> int:
    """Return 0, or 1 with a message on standard error (doctor: if something required is missing)."""
    parser = argparse.ArgumentParser(
        prog="python -m toolchain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=["install", "env", "doctor", "go", "unlock", "creation"])
    parser.add_argument("stack", nargs="?", help="for unlock and creation")
    parser.add_argument("--project", type=Path, default=Path.cwd(), help="the project folder (default: this one)")
    arguments = parser.parse_args()
    # `| head` ends this process without a traceback.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        if arguments.task == "install":
            build.install()
        elif arguments.task == "go":
            print(golang.find().path)
        elif arguments.task == "unlock":
            for line in locks.clear_stale(arguments.project, arguments.stack or parser.error("unlock needs a stack")):
                print(line)
        elif arguments.task == "env":
            _export(environment(arguments.project))
        elif arguments.task == "creation":
            _export(creation.prepare(arguments.project, arguments.stack or parser.error("creation needs a stack")))
        else:
            rows = doctor.findings(arguments.project)
            print(doctor.table(rows))
            return int(any(row.missing and row.needed for row in rows))
    except UserError as error:
        print(f"toolchain: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("toolchain: interrupted; finished builds are kept", file=sys.stderr)
        return 130
    return 0


def _export(variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")


if __name__ == "__main__":
    sys.exit(main())
