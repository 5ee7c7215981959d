"""A row of `make status` from what a node printed."""

from __future__ import annotations

import base64
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from status.read import SCRIPT, parse, table


def certificate(days: int) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubelet")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=days, hours=1))
    return base64.b64encode(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)).decode()


def test_row_of_a_control_plane_node() -> None:
    printed = (
        "version\tKubernetes v1.0.0\nActiveState\tactive\nActiveEnterTimestamp\tMon 2026-01-05 10:00:00 UTC\n"
        "ready\tTrue\nserves\tkube-apiserver\nsilent\tkube-scheduler\nleads\t1\nrevision\t1.5e+03\n"
        f"certificate\t{certificate(300)}\ncertificate\t{certificate(20)}\n"
    )
    assert parse(printed, control_plane=True) == {
        "VERSION": "v1.0.0",
        "KUBELET": "active",
        "SINCE": "2026-01-05 10:00:00",
        "READY": "True",
        "ETCD": "leader, revision 1500",
        "CONTROL PLANE": "not ready: scheduler",
        "CERTIFICATE": "20 days left",
    }


@pytest.mark.parametrize(("control_plane", "etcd"), [(True, {"ETCD": "no answer"}), (False, {})])
def test_row_of_a_node_that_prints_nothing(control_plane: bool, etcd: dict[str, str]) -> None:
    assert parse("", control_plane) == {"CERTIFICATE": "-", **etcd}


def test_table_aligns_its_columns() -> None:
    head, first, second = table(
        [{"NAME": "n1", "ROLE": "control-plane"}, {"NAME": "longer", "ROLE": "worker"}]
    ).splitlines()
    assert head.index("ROLE") == first.index("control-plane") == second.index("worker")


def test_status_script_is_valid_sh() -> None:
    subprocess.run(["sh", "-n"], input=SCRIPT, text=True, check=True)


def test_status_script_asks_the_kubelet_that_the_unit_runs(tmp_path: Path) -> None:
    shown = f"ExecStart={{ path={tmp_path}/kubelet ; argv[]={tmp_path}/kubelet --config=x ; ignore_errors=no }}"
    programs = {
        "systemctl": f"case $* in *ExecStart*) echo '{shown}' ;; *) echo ActiveState=active ;; esac",
        "kubelet": "echo Kubernetes v1.0.0",
    }
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "manifests": "/none",
        "kubeconfig": "/none",
        "etcd_unit": "/none",
    }
    printed = subprocess.run(["sh"], input=SCRIPT, text=True, check=True, capture_output=True, env=environment).stdout
    assert parse(printed, control_plane=False)["VERSION"] == "v1.0.0"
