"""Writes the 2018 series' unit, kubeconfig and certificate subjects for a stack's nodes: `python -m cluster.classic STACK`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cluster.classic import classic
from cluster.config.load import ConfigError, load_outline
from cluster.config.stack_file import stack_values


def write(stack: Path, folder: Path) -> list[Path]:
    """Writes the files of each node below `folder`/<node>; returns their paths. Raises ConfigError."""
    outline = load_outline(stack_values(stack))
    written = []
    for node in outline.nodes:
        files = classic.render(node, outline.nodes, outline.names.domain, outline.network.cluster_dns)
        for path, text in files.items():
            file = folder / node.name / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            written.append(file)
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m cluster.classic", description=__doc__)
    parser.add_argument("stack", help="a stack with a file Pulumi.<stack>.yaml")
    parser.add_argument("folder", nargs="?", type=Path, help="default: classic-<stack>")
    chosen = parser.parse_args(arguments)
    file = Path(f"Pulumi.{chosen.stack}.yaml")
    if not file.exists():
        print(f"stack {chosen.stack}: there is no {file}", file=sys.stderr)
        return 1
    try:
        written = write(file, chosen.folder or Path(f"classic-{chosen.stack}"))
    except ConfigError as error:
        print("\n".join(f"{file}: {one}" for one in error.errors), file=sys.stderr)
        return 1
    print("\n".join(map(str, written)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
