"""The files of the 2018 series for each role: as committed, and as `python -m cluster.classic` writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.classic import classic
from cluster.classic.__main__ import main, write
from cluster.config.load import load_outline

NODES: dict[str, Any] = {
    "m1": {"role": "control-plane", "address": "10.77.0.11"},
    "m2": {"role": "control-plane", "address": "10.77.0.12"},
    "m3": {"role": "control-plane", "address": "10.77.0.13"},
    "w1": {"role": "worker", "address": "10.77.0.21"},
}
VALUES = {"cluster": {"name": "golden"}, "nodes": NODES}
FILES = ("certificates.yaml", "etc/kubernetes/kubeconfig", "etc/systemd/system/kubelet.service")


@pytest.mark.parametrize("index", [0, 3], ids=["control-plane", "worker"])
def test_render_gives_the_files_of_a_node(golden: Callable[[str, str], None], index: int) -> None:
    outline = load_outline(VALUES)
    node = outline.nodes[index]
    files = classic.render(node, outline.nodes, outline.names.domain, outline.network.cluster_dns)
    assert sorted(files) == [f"/{name}" for name in FILES]
    for path, text in files.items():
        golden(f"classic/{node.role}{path}", text)


def test_write_puts_each_nodes_files_into_a_folder(tmp_path: Path) -> None:
    stack = tmp_path / "Pulumi.trial.yaml"
    stack.write_text(yaml.safe_dump({"config": {f"plumbline:{key}": value for key, value in VALUES.items()}}))
    written = write(stack, tmp_path / "out")
    assert sorted(written) == sorted(tmp_path / "out" / node / file for node in NODES for file in FILES)
    unit = (tmp_path / "out/w1/etc/systemd/system/kubelet.service").read_text()
    assert "--node-ip=10.77.0.21" in unit
    assert "10.77.0.13" in (tmp_path / "out/w1/etc/kubernetes/kubeconfig").read_text(), "the third master"


def test_main_names_errors_without_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["trial"]) == 1
    (tmp_path / "Pulumi.trial.yaml").write_text("config:\n  plumbline:cluster: {name: Trial}\n  plumbline:nodes: {}\n")
    assert main(["trial"]) == 1
    said = capsys.readouterr().err
    assert "stack trial: there is no Pulumi.trial.yaml" in said
    assert "Pulumi.trial.yaml: cluster.name: 'Trial' is not a DNS label" in said
