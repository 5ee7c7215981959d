"""A probe of a component that the stack creates: asked only if the node has something of it."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from nodestate import Probe
from provider.remote.read_units import READ
from provider.remote.report import Questions, read_script


@pytest.mark.parametrize(("owned", "asked"), [(None, False), ("", False), ("/etc/a\n", True)])
def test_new_probe_is_asked_if_the_component_owns_something(tmp_path: Path, owned: str | None, asked: bool) -> None:
    if owned is not None:
        (tmp_path / "owned").mkdir()
        (tmp_path / "owned" / "c").write_text(owned)
    call = f"run_new_probe 1 c name 5 'touch {tmp_path}/asked; echo found' expected; cat {tmp_path}/probed.1"
    script = f"home={tmp_path}\nwork={tmp_path}\n{READ}\n{call}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert (tmp_path / "asked").exists() is asked
    kind, component, name, status, text = done.stdout.rstrip("\n").split("\t")
    assert (kind, component, name, status) == ("probe", "c", "name", "0")
    said = base64.b64decode(text).decode()
    assert said == ("found\n" if asked else "not ready: it is not on this node yet")
    # One that is not asked is not asked again, either.
    assert (tmp_path / "unexpected.1").exists() is asked


def test_only_probes_of_created_components_may_be_left_out() -> None:
    probes = {name: {"p": Probe(command="true", expected="", unit="a.service")} for name in ("there", "created")}
    script = read_script(Questions(files={}, probes=probes, created=["created"]))
    assert "run_probe 1 there" in script and "run_new_probe 2 created" in script
