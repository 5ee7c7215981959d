"""The configuration's verdicts on kubelet settings, compared with a real kubelet's."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from builder import golang
from cluster import versions
from cluster.config.kubelet_base import BASE, merge
from cluster.config.kubelet_schema import load
from lab.context import Lab
from tests.unit.cluster.config.kubelet_cases import CASES, GOOD, LATE

ROOT = Path(__file__).parents[2]
KUBELET = Lab.of(ROOT).mirror / "kubernetes" / versions.SUPPORTED[0] / "kubelet"
# The verdicts must not depend on this machine's kernel and control groups.
HERE = {"failCgroupV1": False, "protectKernelDefaults": False}
OWN = [case[0] for case in CASES if "program" in case[3] and case[3].startswith(("is set by", "null would"))]


@pytest.mark.parametrize("settings", GOOD.values(), ids=GOOD)
def test_kubelet_accepts_accepted_settings(tmp_path: Path, settings: dict[str, Any]) -> None:
    assert _refusal(tmp_path, settings) is None


@pytest.mark.parametrize(
    "settings", [pytest.param(case[1], id=case[0]) for case in CASES if case[0] not in (*LATE, *OWN)]
)
def test_kubelet_refuses_refused_settings(tmp_path: Path, settings: dict[str, Any]) -> None:
    assert _refusal(tmp_path, settings) is not None


def test_kubelet_knows_every_feature_gate_of_the_schema(tmp_path: Path) -> None:
    gates = {name: gate.default for name, gate in load(versions.SUPPORTED[0]).gates.items()}
    assert len(gates) > 200
    assert (
        _refusal(tmp_path, {"featureGates": {name: on for name, on in gates.items() if not name.startswith("All")}})
        is None
    )
    assert "NoSuchGate" in (_refusal(tmp_path, {"featureGates": {"NoSuchGate": True}}) or "")


def test_schema_matches_the_source_of_kubernetes() -> None:
    folder = ROOT / "cluster/config/kubelet_schema"
    go = golang.find().path
    # The generator itself calls `go`.
    path = f"{Path(go).parent}:{os.environ['PATH']}"
    for file in sorted(folder.glob("*.json")):
        version = json.loads(file.read_text())["version"]
        # <component>-v<minor>.json, without the component for the kubelet.
        component = file.name[: file.name.index("v1.")].removesuffix("-")
        done = subprocess.run(
            [go, "run", str(folder / "generate.go"), version, *filter(None, [component])],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={**os.environ, **golang.environment(), "PATH": path},
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == file.read_text(), f"{file.name} is out of date"


def _refusal(folder: Path, settings: Mapping[str, Any]) -> str | None:
    """A kubelet's error about these settings; None if it accepts them and then finds no kubeconfig."""
    assert KUBELET.exists(), f"{KUBELET} is missing: run `make lab`"
    file = folder / "kubelet.yaml"
    file.write_text(yaml.safe_dump(_without_null(merge(merge(BASE, settings), HERE))))
    done = subprocess.run(
        [str(KUBELET), f"--config={file}", f"--root-dir={folder}/root", "--kubeconfig=/nonexistent"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return None if "invalid kubeconfig" in done.stderr else done.stderr


def _without_null(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_null(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if value is not None
    }
