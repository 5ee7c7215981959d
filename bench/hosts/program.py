"""The program of a benchmark with many nodes: the real one without its preflight, in which each host dials every other one.

That is quadratic work, and here one machine does it for all hosts: above PREFLIGHT_NODES nodes it takes longer than the
preflight's limit. Up to that number the real program runs as it is.
"""

from __future__ import annotations

import runpy
from pathlib import Path

import pulumi

from components import kubernetes_cluster
from components.preflight import PreflightArgs

PREFLIGHT_NODES = 50
REAL = "program.py"
"""The real program, beside this one in a project's folder."""


class NoPreflight(pulumi.ComponentResource):
    """In place of the preflight: the nodes wait for it, and it checks nothing."""

    def __init__(self, name: str, args: PreflightArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bench:index:NoPreflight", name, None, opts)
        self.register_outputs({})


def main() -> None:
    """Runs the real program without its preflight."""
    vars(kubernetes_cluster)["Preflight"] = NoPreflight
    runpy.run_path(str(Path.cwd() / REAL), run_name="__main__")
