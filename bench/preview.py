"""Times a preview of a whole new cluster, without SSH, against an earlier revision of this project, side by side.

`python bench/preview.py --against REV --nodes 4 200 --runs 3` runs both in turn and prints medians, their ratio, the
number of resources and the peak memory of the engine's and language's processes. It needs the engine (`make tools`).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CONTROL_PLANE_NODES = 3


@dataclass
class Subject:
    """One revision: a folder with its files, and its measurements."""

    name: str
    folder: Path
    seconds: dict[int, list[float]] = field(default_factory=dict)
    resources: dict[int, int] = field(default_factory=dict)
    worker: dict[int, int] = field(default_factory=dict)


def configuration(nodes: int, host_key: str) -> dict[str, Any]:
    """A stack of that many existing hosts, with keys that every revision accepts. These previews connect to no host."""

    def node(number: int) -> dict[str, Any]:
        role = "control-plane" if number < CONTROL_PLANE_NODES else "worker"
        return {"role": role, "address": f"10.80.0.{number + 1}"}

    return {
        "plumbline:cluster": {"name": "bench"},
        "plumbline:machines": {"source": "existing", "ssh": {"privateKeyFile": "id_ed25519", "hostKey": host_key}},
        "plumbline:nodes": {f"n{number:03}": node(number) for number in range(nodes)},
    }


def prepare(subject: Subject, revision: str | None) -> None:
    """The files of a revision, or of this checkout, with the current virtual environment."""
    subject.folder.mkdir()
    archive = ["git", "archive", revision or "HEAD"]
    with subprocess.Popen(archive, cwd=ROOT, stdout=subprocess.PIPE) as packed:
        subprocess.run(["tar", "-x", "-C", str(subject.folder)], stdin=packed.stdout, check=True)
    if revision is None:
        # This checkout as it is, with changes that are not committed.
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (subject.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, subject.folder / name)
    (subject.folder / ".venv").symlink_to(ROOT / ".venv")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "id_ed25519"], cwd=subject.folder, check=True)


def preview(subject: Subject, nodes: int, variables: dict[str, str]) -> None:
    """One preview from an empty state."""
    host_key = " ".join((subject.folder / "id_ed25519.pub").read_text().split()[:2])
    stack = f"bench{nodes}"
    (subject.folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": configuration(nodes, host_key)}))
    state = subject.folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir()
    own = {**variables, "PULUMI_BACKEND_URL": f"file://{state}", "PULUMI_CONFIG_PASSPHRASE": "bench"}
    pulumi = ["pulumi", "--non-interactive", "--stack", stack]
    subprocess.run([*pulumi[:2], "stack", "init", stack], cwd=subject.folder, env=own, check=True, capture_output=True)
    start = time.monotonic()
    done = subprocess.run(
        [*pulumi, "preview", "--refresh=false", "--json"], cwd=subject.folder, env=own, capture_output=True, text=True
    )
    seconds = time.monotonic() - start
    if done.returncode != 0:
        sys.exit(f"{subject.name}: the preview failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    steps = json.loads(done.stdout[done.stdout.index("{") :])["steps"]
    last = f"n{nodes - 1:03}"
    subject.seconds.setdefault(nodes, []).append(seconds)
    subject.resources[nodes] = len(steps)
    subject.worker[nodes] = sum(
        step["urn"].rpartition("::")[2].startswith((last, f"bench-add-ons-node-{last}")) for step in steps
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", required=True, help="the revision to compare with")
    parser.add_argument("--nodes", type=int, nargs="+", default=[4, 200])
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    exported = subprocess.run(
        ["bash", "-c", f'eval "$({sys.executable} -m toolchain env)" && env -0'],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    variables = dict(line.split("=", 1) for line in exported.split("\0") if "=" in line)
    variables.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
    with tempfile.TemporaryDirectory() as folder:
        before, after = Subject("before", Path(folder) / "before"), Subject("after", Path(folder) / "after")
        prepare(before, arguments.against)
        prepare(after, None)
        for nodes in arguments.nodes:
            for _ in range(arguments.runs):
                for subject in (before, after):
                    preview(subject, nodes, variables)
            old, new = statistics.median(before.seconds[nodes]), statistics.median(after.seconds[nodes])
            print(
                f"{nodes} nodes: before {old:.1f} s, {before.resources[nodes]} resources ({before.worker[nodes]} per worker); "
                f"after {new:.1f} s, {after.resources[nodes]} resources ({after.worker[nodes]} per worker); "
                f"ratio {new / old:.2f} of time, {after.resources[nodes] / before.resources[nodes]:.2f} of resources",
                flush=True,
            )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"peak memory of one process: {peak} MiB (all runs); load before: {os.getloadavg()[2]:.1f}")


if __name__ == "__main__":
    main()
