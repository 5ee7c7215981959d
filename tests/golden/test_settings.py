"""The files of a control-plane node that a stack's settings of the control plane change: tests/golden/settings/<path>."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cluster.plan import plan
from tests import clusters

Golden = Callable[[str, str], None]
HERE = Path(__file__).parent / "settings"


def _texts(folder: Path, settings: dict[str, Any]) -> dict[str, str]:
    steps = plan(clusters.load(folder, clusters.values() | settings)).of_node("m2")
    return {path: file.text for step in steps for path, file in step.state.files.items() if file.text is not None}


def test_changed_files(tmp_path: Path, golden: Golden) -> None:
    before, after = _texts(tmp_path, {}), _texts(tmp_path, clusters.SETTINGS)
    changed = {path: text for path, text in after.items() if before.get(path) != text}
    for path, text in changed.items():
        golden(f"settings{path}", text)
    kept = {f"/{file.relative_to(HERE)}" for file in HERE.rglob("*") if file.is_file()}
    assert kept == changed.keys(), "golden files of paths that do not change"


def test_checks_on_the_node(tmp_path: Path, golden: Golden) -> None:
    steps = plan(clusters.load(tmp_path, clusters.values() | clusters.SETTINGS)).of_node("m2")
    checks = [one for step in steps for one in step.state.verifications if "unshare" in one.script]
    golden("settings-checks.txt", "".join(f"## verification of {', '.join(one.files)}\n{one.script}" for one in checks))
