"""The CIS Kubernetes Benchmark on a node, as kube-bench checks it. docs/reference/cis-benchmark.md lists the waivers."""

from __future__ import annotations

import io
import json
import re
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.e2e import api
from tests.e2e.harness import ROOT, Project
from tests.tools.programs import CIS_BENCHMARK, kube_bench

PLACES = {
    "scheduler": {"kubeconfig": ["/etc/kubernetes/kube-scheduler/kubeconfig"]},
    "controllermanager": {"kubeconfig": ["/etc/kubernetes/kube-controller-manager/kubeconfig"]},
    "etcd": {"confs": ["/etc/etcd/etcd.env"], "datadirs": ["/var/lib/etcd"]},
    "kubelet": {
        "confs": ["/etc/kubernetes/kubelet.yaml"],
        "kubeconfig": ["/etc/kubernetes/kubelet.conf"],
        "cafile": ["/etc/kubernetes/pki/ca.crt"],
    },
    "proxy": {
        "kubeconfig": ["/etc/kubernetes/kube-proxy/kubeconfig"],
        "confs": ["/etc/kubernetes/kube-proxy/config.yaml"],
    },
}
"""The paths of this cluster that differ from those that kube-bench knows."""


ETCD_OWNER = "1.1.12"
"""The item about the owner of etcd's data directory."""


@dataclass
class Result:
    """The items of the benchmark by status: PASS, FAIL, WARN (needs manual review) or INFO."""

    items: dict[str, dict[str, str]] = field(default_factory=dict)

    def of(self, status: str) -> dict[str, str]:
        """Return the titles of the items with a status, by item."""
        return self.items.get(status, {})


def waived() -> set[str]:
    """The items that docs/reference/cis-benchmark.md waives."""
    _, _, below = (ROOT / "docs/reference/cis-benchmark.md").read_text().partition("## Waived\n")
    rows = re.findall(r"^\| ([^|]+) \|", below.partition("\n## ")[0], re.MULTILINE)
    return {item for row in rows for item in re.findall(r"\b\d+\.\d+\.\d+\b", row)}


def run(project: Project, node: str, role: str) -> Result:
    """Copy kube-bench to a node, run the checks for its role there, and remove it."""
    packed = project.path / ".lab/mirror/kube-bench.tar"
    _pack(packed)
    targets = "node" if role == "worker" else "master,controlplane,etcd,node"
    output = project.ssh(
        node,
        "mkdir /run/cis && cd /run/cis && trap 'rm -r /run/cis' EXIT\n"
        f"curl -fsS {api.mirror(project)}/{packed.name} | tar -x\n"
        f"./kube-bench --config-dir cfg --benchmark {CIS_BENCHMARK} run --targets {targets} --json 2>log "
        "|| { cat log; exit 1; }\n",
        timeout=300,
    )
    result = Result()
    for section in json.loads(output[output.index("{") :])["Controls"]:
        for group in section["tests"]:
            for one in group["results"]:
                result.items.setdefault(one["status"], {})[one["test_number"]] = (
                    f"{one['test_desc']}: {one.get('reason') or one.get('actual_value') or ''}"[:300]
                )
    return result


def _pack(target: Path) -> None:
    """Pack the program, the checks and PLACES into one archive in the mirror."""
    built = kube_bench()
    control_plane = {name: PLACES[name] for name in ("scheduler", "controllermanager", "etcd")}
    nodes = {name: PLACES[name] for name in ("kubelet", "proxy")}
    places = yaml.safe_dump({"master": control_plane, "node": nodes, "etcd": {"etcd": PLACES["etcd"]}}).encode()
    with tarfile.open(target, "w") as archive:
        archive.add(built / "kube-bench", "kube-bench")
        archive.add(
            built / "cfg",
            "cfg",
            filter=lambda one: None if one.name.endswith(f"{CIS_BENCHMARK}/config.yaml") else one,
        )
        entry = tarfile.TarInfo(f"cfg/{CIS_BENCHMARK}/config.yaml")
        entry.size = len(places)
        archive.addfile(entry, io.BytesIO(places))
