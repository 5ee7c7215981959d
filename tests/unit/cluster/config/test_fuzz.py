"""Random configurations: each gives errors that name their keys, or a plan. `make fuzz` judges ten thousand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.config import kubelet_rules
from tests import clusters
from tests.fuzz import configurations, corpus
from tests.unit.cluster.config.conftest import Errors, errors

NUMBER = 300
FEW = 100
SEED = "check"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the corpus. HOME is as before when the test has ended."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_random_configurations_have_no_traceback(files: Path) -> None:
    tally = configurations.run(NUMBER, SEED, files)
    assert not tally.failures, "\n".join(f"{name}:\n{text}" for name, text in tally.failures)
    assert tally.counts["refused"] > NUMBER // 2
    assert tally.counts["planned"] > NUMBER // 8


def test_corpus_is_planned(files: Path) -> None:
    corpus.write_files(files)
    assert {configurations.judge(one, files) for one in corpus.configurations()} == {"planned"}


def test_fuzz_finds_a_planted_traceback(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that raises for one value in use is found."""

    def planted(merged: kubelet_rules.Merged) -> kubelet_rules.Found:
        if merged.get("maxPods") == 40:
            raise KeyError("planted")
        yield from ()

    monkeypatch.setattr(kubelet_rules, "RULES", (*kubelet_rules.RULES, planted))
    tally = configurations.run(FEW, SEED, files)
    assert tally.failures
    assert all("planted" in text for _, text in tally.failures)


def test_null_byte_is_refused(existing_errors: Errors) -> None:
    assert existing_errors({"machines/ssh/privateKeyFile": "i\0d"}) == (
        "machines.ssh.privateKeyFile: contains a null byte: remove it",
    )


def test_home_folder_of_an_unknown_user_is_refused(existing_errors: Errors) -> None:
    [error] = existing_errors({"machines/ssh/privateKeyFile": "~nobody-here/id"})
    assert error == (
        "machines.ssh.privateKeyFile: '~nobody-here/id' begins with the home folder of a user that does not exist"
    )


def test_null_in_a_kubelet_list_is_refused(tmp_path: Path) -> None:
    values: dict[str, Any] = clusters.values() | {"kubelet": {"enforceNodeAllocatable": ["pods", None]}}
    clusters.load(tmp_path)
    assert errors(values, tmp_path) == ("kubelet.enforceNodeAllocatable[1]: is null: remove the entry",)
