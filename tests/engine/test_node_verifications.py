"""The verifications of a node's files, run with the real programs: what these refuse is refused before it is in its place."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from cluster import versions
from cluster.config.model import Cluster
from cluster.node import container_runtime, kubelet, paths
from cluster.node.binaries import Binaries
from cluster.plan import plan
from cluster.step import NodeStateStep
from lab.context import Lab
from nodestate import NodeState, Verification
from tests import clusters

MIRROR = Lab.of(Path(__file__).parents[2]).mirror
PROGRAMS = {
    Binaries().kubelet: MIRROR / "kubernetes" / versions.SUPPORTED[0] / "kubelet",
    Binaries().containerd: MIRROR / "containerd" / versions.CONTAINERD / "containerd",
}
# The verdict must not depend on this machine's kernel and control groups.
HERE = {"failCgroupV1": False, "protectKernelDefaults": False}


def configured(folder: Path, settings: dict[str, Any], labels: dict[str, str] | None = None) -> Cluster:
    values = clusters.values()
    values["kubelet"] |= HERE | settings
    values["nodes"]["w1"]["labels"] = labels or {}
    return clusters.load(folder, values)


def judged(cluster: Cluster, component: str) -> tuple[NodeState, Verification]:
    """The worker's state of a component, and the verification that runs the component's program."""
    [step] = [one for one in plan(cluster).of_node("w1") if one.component == component]
    assert isinstance(step, NodeStateStep)
    [found] = [one for one in step.state.verifications if any(str(program) in one.files for program in PROGRAMS)]
    return step.state, found


def verify(folder: Path, cluster: Cluster, component: str, changes: dict[str, str] | None = None) -> str | None:
    """The refusal of the worker's files of a component; None if they are accepted. `changes` replace text in them."""
    state, verification = judged(cluster, component)
    staged = folder / "staged"
    staged.mkdir(exist_ok=True)
    where = dict(PROGRAMS)
    for path in verification.files:
        if (text := state.files[path].text) is not None:
            where[path] = staged / Path(path).name
            for old, new in (changes or {}).items():
                text = text.replace(old, new)
            where[path].write_text(text)
    assert all(
        any(new in at.read_text() for at in where.values() if at.parent == staged) for new in (changes or {}).values()
    )
    return run(verification, where, folder)


def run(verification: Verification, where: dict[str, Path], folder: Path) -> str | None:
    for program in PROGRAMS.values():
        assert program.exists(), f"{program} is missing: run `make lab`"
    cases = "".join(f"{path}) echo {at} ;;\n" for path, at in where.items())
    script = f'staged() {{ case $1 in\n{cases}*) echo "$1" ;;\nesac; }}\n{verification.script}'
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    done = subprocess.run(
        ["sh", "-eu", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR": str(temporary)},
    )
    assert list(temporary.iterdir()) == [], "nothing must be left behind"
    return None if done.returncode == 0 else done.stdout + done.stderr


def test_kubelet_verification_accepts_the_plan(tmp_path: Path) -> None:
    began = time.monotonic()
    cluster = configured(tmp_path, {}, {"node.kubernetes.io/pool": "general", "disk": "ssd"})
    assert verify(tmp_path, cluster, kubelet.COMPONENT) is None
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("maxPods: 60", "maxPods: -1", "invalid configuration: maxPods (--max-pods) -1 must not be a negative number"),
        ("maxPods: 60", "maxPods: many", "json: cannot unmarshal string into Go struct field"),
        ("maxPods: 60", "featureGates: {NoSuchGate: true}", "unrecognized feature gate: NoSuchGate"),
        ("maxPods: 60", "maxPods: [", "did not find expected"),
    ],
)
def test_kubelet_verification_refuses(tmp_path: Path, old: str, new: str, reason: str) -> None:
    refusal = verify(tmp_path, configured(tmp_path, {}), kubelet.COMPONENT, {old: new})
    assert refusal is not None
    assert refusal.startswith("the kubelet refuses its configuration: ")
    assert reason in refusal
    assert len(refusal.splitlines()) <= 5


def test_kubelet_verification_refuses_a_binary_that_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "kubelet"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)
    monkeypatch.setitem(PROGRAMS, Binaries().kubelet, broken)
    refusal = verify(tmp_path, configured(tmp_path, {}), kubelet.COMPONENT)
    assert refusal is not None
    assert "refuses its configuration: " in refusal
    assert refusal.strip() != "the kubelet refuses its configuration:"


def test_containerd_verification(tmp_path: Path) -> None:
    cluster = configured(tmp_path, {})
    others = tmp_path / "conf.d"
    others.mkdir()
    ours = {f'"{paths.CONTAINERD_DROP_INS}/': f'"{others}/'}
    assert verify(tmp_path, cluster, container_runtime.COMPONENT, ours) is None
    oom = "restrict_oom_score_adj = "
    refusal = verify(tmp_path, cluster, container_runtime.COMPONENT, ours | {f"{oom}false": f'{oom}"no"'})
    assert "cannot decode TOML string" in (refusal or "")
    (others / "gpu.toml").write_text('version = 3\n[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.gpu]\n')
    assert verify(tmp_path, cluster, container_runtime.COMPONENT, ours) is None
    (others / "gpu.toml").write_text("version = [\n")
    assert verify(tmp_path, cluster, container_runtime.COMPONENT, ours) is not None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[plugins.'io.containerd.cri.v1.images']\nmax_concurrent_downloads = 5\n", None),
        ("[plugins.'io.containerd.cri.v1.images']\nmax_concurrent_downloads = 'five'\n", "cannot decode TOML string"),
        ("version = 4\n", "expected containerd config version equal to or less than"),
    ],
)
def test_containerd_verification_of_imports(tmp_path: Path, text: str, reason: str | None) -> None:
    """The new files are judged together with those of others, before they are in the folder."""
    values = clusters.values() | {"containerd": {"imports": {"site.toml": text}}}
    refusal = verify(tmp_path, clusters.load(tmp_path, values), container_runtime.COMPONENT)
    assert (refusal is None) if reason is None else (reason in (refusal or ""))


def test_containerd_imports_files_of_others(tmp_path: Path) -> None:
    """A runtime that another program adds to the folder is one of containerd's."""
    state, _ = judged(configured(tmp_path, {}), container_runtime.COMPONENT)
    others = tmp_path / "conf.d"
    others.mkdir()
    (others / "gpu.toml").write_text('version = 3\n[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.gpu]\n')
    config = tmp_path / "config.toml"
    config.write_text((state.files[paths.CONTAINERD_CONFIG].text or "").replace(paths.CONTAINERD_DROP_INS, str(others)))
    dumped = subprocess.run(
        [PROGRAMS[Binaries().containerd], "--config", config, "config", "dump"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    for runtime in ("gpu", "runc"):
        assert f"containerd.runtimes.{runtime}]" in dumped
