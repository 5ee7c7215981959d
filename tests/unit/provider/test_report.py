"""The read protocol: what a node printed (reports/*.yaml) -> the observed state; and the script against real files."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nodestate import Secret, from_wire, to_wire
from provider.observation import Request, observed_state, questions
from provider.observed import Installed
from provider.remote.paths import ExpectedFile
from provider.remote.report import MalformedReport, Questions, parse, read_script
from tests.unit.provider.inputs import inputs, load

FOLDER = Path(__file__).parent / "reports"
REPORTS = sorted(one.stem for one in FOLDER.glob("*.yaml") if one.stem != "refused")
OBSERVED = ("files", "directories", "units", "probes", "journal", "handedOver", "machine")


@pytest.mark.parametrize("name", REPORTS)
def test_report_is_read_as_an_observed_state(name: str) -> None:
    case = load((FOLDER / f"{name}.yaml").read_text())
    wanted = inputs(case["wanted"])
    installed = {path: from_wire(Installed, one) for path, one in case.get("installed", {}).items()}
    former = inputs(case["former"]) if "former" in case else None
    request = Request(wanted, "n1-proof", installed, former)
    asked = questions([request])
    found = to_wire(observed_state(parse(case["printed"], asked), request, asked.files))
    assert {key: found[key] for key in OBSERVED if found.get(key)} == case["observed"]


@pytest.mark.parametrize(
    "case", load((FOLDER / "refused.yaml").read_text()), ids=lambda case: repr(case["printed"])[:30]
)
def test_report_that_is_malformed_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedReport) as raised:
        parse(case["printed"], Questions({"/a": ExpectedFile("c0")}))
    assert str(raised.value) == case["refused"]


def test_report_cut_anywhere_is_refused() -> None:
    case = load((FOLDER / "everything-as-wanted.yaml").read_text())
    wanted = inputs(case["wanted"])
    asked = questions([Request(wanted, "n1-proof", {})])
    lines = case["printed"].splitlines(keepends=True)
    for count in range(len(lines)):
        with pytest.raises(MalformedReport):
            parse("".join(lines[:count]), asked)


def test_read_script_reports_real_files(tmp_path: Path) -> None:
    folder, hosts = tmp_path / "a folder", tmp_path / "hosts"
    same, edited, secret, linked = (folder / name for name in ("same", "it's edited", "secret", "linked"))
    folder.mkdir(mode=0o750)
    for path in (same, edited, secret):
        path.write_text(f"{path.name}\n")
        path.chmod(0o640)
    linked.symlink_to(same)
    hosts.write_text("mine\n# BEGIN plumbline\nours\n# END plumbline\n")
    uid = str(os.getuid())
    wanted = inputs(
        {
            "files": {
                str(same): {"content": "same\n"},
                str(edited): {"content": "as wanted\n", "owner": uid, "group": str(same.stat().st_gid)},
                str(secret): load("{content: !secret as wanted}"),
                str(linked): {"content": "same\n"},
                str(folder / "missing"): {"content": "same\n"},
                str(hosts): {"content": "ours\n", "block": True},
            },
            "directories": {str(folder): {}},
        }
    )
    request = Request(wanted, "no-such-component", {})
    asked = questions([request])
    done = subprocess.run(["sh"], input=read_script(asked), capture_output=True, text=True, check=True, timeout=60)
    found = observed_state(parse(done.stdout, asked), request, asked.files)
    contents = {Path(path).name: file.content for path, file in found.files.items()}
    assert contents.keys() == {"same", "it's edited", "secret", "linked", "hosts"}
    assert contents["same"] == "same\n"
    assert contents["it's edited"] == "it's edited\n"
    assert base64.b64encode(b"it's edited\n").decode() in done.stdout
    assert base64.b64encode(b"secret\n").decode() not in done.stdout, "a secret stays on the node"
    assert contents["secret"] != Secret("secret\n")
    assert contents["linked"] == f"(a symlink to {same})"
    assert contents["hosts"] == "ours\n"
    assert found.files[str(edited)].mode == "0640"
    assert found.files[str(edited)].owner == uid
    assert found.directories[str(folder)].mode == "0750"


def test_read_script_reports_directories_of_a_state_without_files(tmp_path: Path) -> None:
    request = Request(inputs({"directories": {str(tmp_path): {}}}), "no-such-component", {})
    asked = questions([request])
    done = subprocess.run(["sh"], input=read_script(asked), capture_output=True, text=True, check=True, timeout=60)
    assert observed_state(parse(done.stdout, asked), request, asked.files).directories.keys() == {str(tmp_path)}
