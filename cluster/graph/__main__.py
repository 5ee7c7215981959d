"""Draws the plan of a stack as SVG: `python -m cluster.graph STACK`. Reads its configuration, and no node, key or state."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cluster.config.load import ConfigError, load_config
from cluster.config.stack_file import stack_values
from cluster.graph.model import graph
from cluster.graph.svg import svg


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m cluster.graph", description=__doc__)
    parser.add_argument("stack", help="a stack with a file Pulumi.<stack>.yaml")
    parser.add_argument("output", nargs="?", type=Path, help="default: graph-<stack>.svg")
    parser.add_argument("--fold", action="store_true", help="control-plane nodes in one column, for a narrow page")
    chosen = parser.parse_args(arguments)
    file = Path(f"Pulumi.{chosen.stack}.yaml")
    if not file.exists():
        print(f"stack {chosen.stack}: there is no {file}", file=sys.stderr)
        return 1
    try:
        cluster = load_config(stack_values(file), Path(), reads_files=False)
    except ConfigError as error:
        print("\n".join(f"{file}: {one}" for one in error.errors), file=sys.stderr)
        return 1
    output = chosen.output or Path(f"graph-{chosen.stack}.svg")
    output.write_text(svg(graph(cluster, chosen.fold), chosen.fold))
    print(output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
