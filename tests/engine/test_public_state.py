"""A preview against the state without secrets says the same as one against the state itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ci import public_state
from ci.secrets import texts
from tests.e2e.harness import Project
from tests.engine.test_upgrade import restored

PLAN = (
    ".venv/bin/python -m report.run --log .lab/p.log --json plan.json -- pulumi preview --refresh=false --stack hosts"
)


def _plan(project: Project, before: str = "true") -> dict[str, Any]:
    """The report of a preview, without its times and without an order that is that of answers."""
    project.run("bash", "-ec", f"{before}; {PLAN}")
    found: dict[str, Any] = json.loads((project.path / "plan.json").read_text())
    for key in ("time", "seconds", "warnings"):
        found.pop(key)
    for node in found["nodes"]:
        node["components"].sort()
    return found


def test_preview_against_the_public_state_is_the_same(tmp_path: Path) -> None:
    project, state = restored(tmp_path / "plumbline")
    expected = _plan(project)
    assert sum(len(one["steps"]) for one in expected["nodes"]) > 10

    stripped = public_state.strip(state)
    fork = Project.copy(tmp_path / "fork", "hosts")
    settings = (project.path / "Pulumi.hosts.yaml").read_text()
    assert "encryptionsalt" in settings, "that of the real passphrase"
    (fork.path / "Pulumi.hosts.yaml").write_text(settings)
    for name in (
        ".lab/mirror/SHA256SUMS",
        *(f".lab/hosts/{node}/ssh_host_ed25519_key.pub" for node in ("m1", "m2", "m3", "w1")),
    ):
        (fork.path / name).parent.mkdir(parents=True, exist_ok=True)
        (fork.path / name).write_text((project.path / name).read_text())
    (fork.path / "public.json").write_text(json.dumps(stripped))
    own = {key: value for key, value in fork.environment().items() if key != "PULUMI_CONFIG_PASSPHRASE_FILE"}
    backend = f"file://{fork.path}/.lab/public-state"
    fork.variables = own | {"PULUMI_BACKEND_URL": backend, "PULUMI_CONFIG_PASSPHRASE": "public"}
    assert _plan(fork, ".venv/bin/python -m ci.public_state restore hosts public.json") == expected

    # No line of any key of the state is in a file of the fork.
    keys = {block.group() for text in texts(state, secret=True) for block in public_state.PRIVATE_KEY.finditer(text)}
    assert len(keys) > 100
    clear = "\n".join(texts(state, secret=False))
    lines = {
        line
        for key in keys
        for line in key.splitlines()
        if "-----" not in line and len(line) > 30 and line not in clear
    }
    files = [file for file in fork.path.rglob("*") if file.is_file() and ".venv" not in file.parts]
    printed = "\n".join(file.read_text(errors="replace") for file in files)
    assert [line for line in lines if line in printed or line in json.dumps(stripped)] == []
    assert re.search("PRIVATE KEY", printed), "the throwaway keys"
