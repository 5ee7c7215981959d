"""`python -m cluster.graph STACK`."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cluster.config.stack_file import stack_values
from cluster.graph.__main__ import main

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("stack", ["dev", "hosts", "production", "small"])
def test_committed_stack_needs_no_key_and_no_checksum_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"Pulumi.{stack}.yaml"
    file.write_text((ROOT / file.name).read_text())
    monkeypatch.chdir(tmp_path)
    assert main([stack]) == 0
    assert capsys.readouterr().out == f"graph-{stack}.svg\n"
    assert (tmp_path / f"graph-{stack}.svg").read_text().startswith("<svg ")
    assert sorted(one.name for one in tmp_path.iterdir()) == [file.name, f"graph-{stack}.svg"]


def test_errors_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["trial"]) == 1
    Path("Pulumi.trial.yaml").write_text("config:\n  plumbline:cluster: {name: Trial}\n")
    assert main(["trial"]) == 1
    told = capsys.readouterr().err
    assert "stack trial: there is no Pulumi.trial.yaml" in told
    assert "Pulumi.trial.yaml: cluster.name: 'Trial' is not a DNS label" in told


def test_stack_values_are_those_of_the_program(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.trial.yaml"
    config = {"plumbline:cluster": '{"name": "a"}', "plumbline:policy": {"maxRestarts": 1}, "libvirt:uri": "x"}
    file.write_text(yaml.safe_dump({"config": config}))
    assert stack_values(file) == {"cluster": {"name": "a"}, "policy": {"maxRestarts": 1}}
    file.write_text("encryptionsalt: v1\n")
    assert stack_values(file) == {}
