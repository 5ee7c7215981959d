"""The example stack `production`, previewed by a real engine without reaching its hosts."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.e2e.harness import Project


def test_production_stack_previews_without_hosts(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / ".ssh/id_ed25519")],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    project = Project.copy(tmp_path / "plumbline", "production")
    project.variables = {**project.environment(), "HOME": str(home)}
    project.pulumi("stack", "init")
    created = [name for name, op in project.steps("preview", "--refresh=false") if op == "create"]
    for node in ("m1", "m2", "m3", "w1", "w2"):
        assert {f"{node}-runtime", f"{node}-kubelet", f"{node}-registration"} <= set(created)
    key = (home / ".ssh/id_ed25519").read_text()
    assert "PRIVATE KEY" in key
    assert "PRIVATE KEY" not in "".join(project.printed)

    (home / ".ssh/id_ed25519").unlink()
    refused = project.pulumi("preview", "--refresh=false", check=False)
    assert "machines.ssh.privateKeyFile: id_ed25519 cannot be read" in refused
    assert "Traceback" not in refused
