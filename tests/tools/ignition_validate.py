"""Checks Ignition configurations with the CoreOS project's own validator."""

from __future__ import annotations

import subprocess

from tests.tools import programs


def problems(text: str) -> str:
    """Return the validator's report about a configuration; empty if Ignition accepts all of it.

    Warnings are included: Ignition ignores a key that it does not know, so a misspelled setting would have no effect.
    """
    done = subprocess.run(
        [str(programs.ignition_validate()), "-"], input=text, capture_output=True, text=True, check=False
    )
    report = "\n".join(part for part in (done.stdout.strip(), done.stderr.strip()) if part)
    return report or ("the validator gives no reason" if done.returncode else "")
