"""The checks of control plane settings on a node, with the real programs: a refusal comes before any restart."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster import versions
from cluster.node.binaries import Binaries
from cluster.plan import plan
from cluster.step import Part
from lab.context import Lab
from nodestate import Verification
from tests import clusters
from tests.tools import flags

MIRROR = Lab.of(Path(__file__).parents[2]).mirror
KUBERNETES = MIRROR / "kubernetes" / versions.DEFAULT
NODE = "m2"
JWT = {
    "issuer": {"url": "https://issuer.example", "audiences": ["plumbline"]},
    "claimMappings": {"username": {"claim": "sub", "prefix": "oidc:"}},
}
GOOD: dict[str, dict[str, Any]] = {
    "kube-apiserver": {"controlPlane": {"apiServer": {"extraArgs": {"max-requests-inflight": 800}}}},
    "files of kube-apiserver": {
        "controlPlane": {
            "apiServer": {
                "authentication": {"jwt": [JWT]},
                "auditPolicy": {"rules": [{"level": "Metadata"}]},
                "podSecurity": {"enforce": "baseline", "warn": "restricted", "version": "v1.36"},
            }
        }
    },
    "kube-controller-manager": {"controlPlane": {"controllerManager": {"extraArgs": {"node-monitor-period": "4s"}}}},
    "kube-scheduler": {"controlPlane": {"scheduler": {"extraArgs": {"v": 3, "feature-gates": {"AllAlpha": False}}}}},
    "kube-proxy": {"network": {"kubeProxy": {"metricsBindAddress": "0.0.0.0:10249", "nodePortAddresses": ["primary"]}}},
    "etcd": {"etcd": {"extraArgs": {"snapshot-count": 20000, "log-rotation-config-json": '{"maxsize": 1}'}}},
}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "kube-apiserver": (
        {"controlPlane": {"apiServer": {"extraArgs": {"max-requests-inflight": -1}}}},
        "kube-apiserver refuses its settings: --max-requests-inflight can not be negative value\n",
    ),
    "feature gate": (
        {"controlPlane": {"apiServer": {"extraArgs": {"feature-gates": {"NoSuchGate": True}}}}},
        "kube-apiserver refuses its settings: unrecognized feature gate: NoSuchGate\n",
    ),
    "authentication": (
        {
            "controlPlane": {
                "apiServer": {
                    "authentication": {
                        "jwt": [{**JWT, "claimMappings": {"username": {"claim": "sub", "expression": "claims.sub"}}}]
                    }
                }
            }
        },
        "kube-apiserver refuses its settings: invalid authentication configuration: "
        'jwt[0].claimMappings.username: Invalid value: "": claim and expression can\'t both be set\n',
    ),
    "audit policy": (
        {
            "controlPlane": {
                "apiServer": {"auditPolicy": {"rules": [{"level": "None", "resources": [{"resourceNames": ["a"]}]}]}}
            }
        },
        "kube-apiserver refuses its settings: loading audit policy file: rules[0].resources.resourceNames: Invalid value",
    ),
    "kube-controller-manager": (
        {"controlPlane": {"controllerManager": {"extraArgs": {"controllers": "*,nosuch"}}}},
        'kube-controller-manager refuses its settings: "nosuch" is not in the list of known controllers\n',
    ),
    "kube-scheduler": (
        {"controlPlane": {"scheduler": {"extraArgs": {"feature-gates": {"NoSuchGate": True}}}}},
        "kube-scheduler refuses its settings: unrecognized feature gate: NoSuchGate\n",
    ),
    "missing volume": (
        {"controlPlane": {"scheduler": {"extraVolumes": {"site": {"hostPath": "/nonexistent/site"}}}}},
        "kube-scheduler: the volume site needs the folder /nonexistent/site, which this node does not have\n",
    ),
    "kube-proxy": (
        {"network": {"kubeProxy": {"nodePortAddresses": ["no address"]}}},
        "kube-proxy refuses its settings: failed validate: KubeProxyConfiguration.NodePortAddresses",
    ),
    "etcd": (
        {"etcd": {"extraArgs": {"auto-compaction-retention": "soon"}}},
        'etcd refuses its settings: error parsing CompactionRetention: time: invalid duration "soon"\n',
    ),
    "feature gate of etcd": (
        {"etcd": {"extraArgs": {"feature-gates": "NoSuchGate=true"}}},
        'etcd refuses its settings: invalid value "NoSuchGate=true" for ETCD_FEATURE_GATES: unrecognized feature gate: NoSuchGate\n',
    ),
}

CTR = """#!/bin/sh
# One container for each program that is asked for: all have the lab's programs.
case "$5 $6" in
"containers list") echo container ;;
"tasks list") printf 'TASK PID STATUS\\ncontainer {process} RUNNING\\n' ;;
esac
"""
INSIDE = "import os, sys, time; os.chroot(sys.argv[1]); print('inside', flush=True); time.sleep(600)"
ENCRYPTION = """apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources: [{resources: [secrets], providers: [{identity: {}}]}]
"""


@pytest.mark.parametrize("settings", GOOD.values(), ids=GOOD)
def test_programs_accept_accepted_settings(tmp_path: Path, settings: dict[str, Any]) -> None:
    assert verdicts(tmp_path, settings) == [None]


@pytest.mark.parametrize(("settings", "reason"), BAD.values(), ids=BAD)
def test_programs_refuse_settings(tmp_path: Path, settings: dict[str, Any], reason: str) -> None:
    [refusal] = verdicts(tmp_path, settings)
    assert refusal is not None
    assert refusal.startswith(reason)
    assert len(refusal.splitlines()) == 1


def test_flags_are_those_of_the_programs() -> None:
    for file, text in flags.texts().items():
        assert file.read_text() == text, f"{file.name} is out of date: run `make flags`"


def verdicts(folder: Path, settings: Mapping[str, Any]) -> list[str | None]:
    """The refusals of the checks that the settings bring about, None for each that accepts them."""
    cluster = clusters.load(folder, {**clusters.values(), **settings})
    where = files(folder)
    checks: dict[str, Verification] = {}
    for step in plan(cluster).of_node(NODE):
        for file in step.issued:
            where[file.path] = folder / {Part.CERTIFICATE: "crt", Part.PRIVATE_KEY: "key", Part.PUBLIC_KEY: "pub"}.get(
                file.text.part, "encryption.yaml"
            )
        for index, (path, one) in enumerate(step.state.files.items()):
            if one.text is not None:
                where[path] = folder / f"staged-{step.component}-{index}"
                where[path].write_text(one.text)
        checks |= {one.script: one for one in step.state.verifications if "unshare" in one.script}
    assert checks, "the settings are not checked"
    return [run(one.script, where, folder) for one in checks.values()]


def files(folder: Path) -> dict[str, Path]:
    """The node's programs, and one key pair for all that the run would issue."""
    subject = ["-days", "1", "-subj", "/CN=plumbline"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(folder / "key")]
    subprocess.run(["openssl", "req", "-x509", *key, "-out", folder / "crt", *subject], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", folder / "key", "-pubout", "-out", folder / "pub"], check=True)
    (folder / "encryption.yaml").write_text(ENCRYPTION)
    return {Binaries().etcd: MIRROR / "etcd" / versions.ETCD / "etcd"}


@contextmanager
def container(folder: Path) -> Iterator[int]:
    """The process of a container, with the lab's programs in its root."""
    programs = folder / "root" / "usr" / "local"
    programs.mkdir(parents=True, exist_ok=True)
    if not (programs / "bin").exists():
        (programs / "bin").symlink_to(KUBERNETES)
    command = [sys.executable, "-c", INSIDE, str(folder / "root")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "inside\n"
            yield process.pid
        finally:
            process.kill()


def run(script: str, where: Mapping[str, Path], folder: Path) -> str | None:
    with container(folder) as process:
        (folder / "ctr").write_text(CTR.format(process=process))
        (folder / "ctr").chmod(0o755)
        return asked(script, where, folder)


def asked(script: str, where: Mapping[str, Path], folder: Path) -> str | None:
    for program in (KUBERNETES / "kube-apiserver", where[Binaries().etcd]):
        assert program.exists(), f"{program} is missing: run `make lab`"
    cases = "".join(f"{path}) echo {at} ;;\n" for path, at in where.items())
    own = script.replace(f"'{Binaries().ctr}'", f"'{folder / 'ctr'}'")
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    done = subprocess.run(
        ["sh", "-eu", "-c", f'staged() {{ case $1 in\n{cases}*) echo "$1" ;;\nesac; }}\n{own}'],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR": str(temporary)},
    )
    assert list(temporary.iterdir()) == [], "nothing must be left behind"
    return None if done.returncode == 0 else done.stdout + done.stderr
