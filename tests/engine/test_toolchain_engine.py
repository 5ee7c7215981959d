"""Engine and language host: the Pulumi commands in a project folder."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.project import Project, until
from toolchain import parts

Make = Callable[..., Project]

KEY = """
    import os, sys
    import pulumi, pulumi_tls as tls

    key = tls.PrivateKey("key", algorithm="ECDSA", ecdsa_curve="P256")
    config = pulumi.Config()
    pulumi.export("plain", config.get("plain"))
    pulumi.export("hidden", config.get_secret("hidden"))
    pulumi.export("python", sys.prefix)
    pulumi.export("first on path", os.environ["PATH"].split(":")[0])
    pulumi.export("folder", os.getcwd())
    pulumi.export("public", key.public_key_pem)
"""


def test_pulumi_commands_work(project: Make) -> None:
    trial = project(KEY)
    trial.run("config", "set", "plain", "seen")
    trial.run("config", "set", "--secret", "hidden", "s3cret-Marker")

    assert "+ 2 to create" in trial.run("preview")
    assert "+ 2 created" in trial.run("up", "--yes")
    outputs = trial.outputs()
    assert outputs["plain"] == "seen"
    assert outputs["hidden"] == "s3cret-Marker"
    assert outputs["python"] == sys.prefix
    assert outputs["first on path"] == f"{sys.prefix}/bin"
    assert Path(outputs["folder"]) == trial.folder.resolve()
    assert "[secret]" in trial.run("stack", "output", "hidden")

    trial.run("preview", "--expect-no-changes")
    trial.run("refresh", "--yes", "--expect-no-changes")
    assert "2 unchanged" in trial.run("up", "--yes")
    about = trial.run("about")
    assert f"executable='{sys.prefix}/bin/python'" in about
    assert "pulumi_tls" in about.lower().replace("-", "_")
    for part in parts.PLUGINS:
        assert any(line.split() == ["resource", part.plugin, part.version] for line in about.splitlines()), about
    assert "- 2 deleted" in trial.run("destroy", "--yes")

    # No warning and no secret in the output of any command.
    printed = "".join(trial.printed)
    assert "warning" not in printed.lower()
    assert "$PATH" not in printed
    assert "s3cret-Marker" not in printed
    assert "PRIVATE KEY" not in printed


def test_exception_in_the_program_is_shown_with_its_line(project: Make) -> None:
    trial = project("import pulumi\n\nraise ValueError('out of true')\n")
    printed = trial.run("preview", fails=True)
    assert 'trial/__main__.py", line 3, in <module>' in printed
    assert "ValueError: out of true" in printed


def test_exit_code_of_the_program_is_an_error(project: Make) -> None:
    assert "the program ended with exit code 3" in project("raise SystemExit(3)\n").run("preview", fails=True)


def test_missing_virtual_environment_is_an_error(project: Make) -> None:
    trial = project("import pulumi\n", virtualenv="nowhere")
    printed = trial.run("preview", fails=True)
    assert f"there is no virtual environment in {trial.folder.resolve()}/nowhere" in printed
    assert "pulumi install" in printed


def test_unsupported_runtime_option_is_refused(project: Make) -> None:
    trial = project("import pulumi\n")
    trial.configure(runtime={"name": "python", "options": {"toolchain": "poetry"}})
    assert "does not support the runtime option toolchain: poetry" in trial.run("preview", fails=True)


def test_install_creates_the_virtual_environment(project: Make) -> None:
    trial = project("import pulumi\n", virtualenv="venv")
    (trial.folder / "requirements.txt").write_text("# none\n")
    printed = trial.run("install")
    assert (trial.folder / "venv/bin/python").exists(), printed


def processes(folder: Path) -> list[str]:
    """Return the processes whose command line has a folder's name."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in line:
            found.append(line.replace(b"\0", b" ").decode(errors="replace"))
    return found


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_program_ends_with_the_engine(project: Make, how: signal.Signals) -> None:
    trial = project(
        """
        import pathlib, time
        import pulumi

        pathlib.Path("started").touch()
        time.sleep(600)
        """
    )
    running = trial.start_up()
    try:
        assert until((trial.folder / "started").exists, 60)
        assert processes(trial.folder)
        running.send_signal(how)
        running.wait(60)
        assert until(lambda: not processes(trial.folder), 30), processes(trial.folder)
    finally:
        running.kill()
        running.wait()


def test_python_plugin_runs(project: Make) -> None:
    trial = project(
        """
        import pulumi

        made = pulumi.CustomResource("echo:index:Echo", "one", {"said": "hello"})
        """
    )
    plugin = trial.folder / "echo"
    plugin.mkdir()
    runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
    (plugin / "PulumiPlugin.yaml").write_text(json.dumps({"name": "echo", "runtime": runtime}))
    trial.program(
        """
        import sys
        from pulumi.provider import experimental
        from pulumi.provider.experimental import provider, server

        class Echo(provider.Provider):
            async def check(self, request):
                return provider.CheckResponse(inputs=request.new_inputs)

            async def create(self, request):
                return provider.CreateResponse(resource_id="1", properties=request.properties)

        server.main(sys.argv[1:], "0.1.0", Echo())
        """,
        folder="echo",
    )
    trial.configure(plugins={"providers": [{"name": "echo", "path": "./echo"}]})
    assert "+ 2 created" in trial.run("up", "--yes")


def test_policy_pack_gets_the_address_of_the_engine(project: Make) -> None:
    # A real pack uses the package pulumi-policy, which this project does not need.
    trial = project(KEY)
    pack = trial.folder / "policy"
    pack.mkdir()
    runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
    (pack / "PulumiPolicy.yaml").write_text(json.dumps({"name": "pack", "version": "0.0.1", "runtime": runtime}))
    trial.program("import sys\n\nraise Exception(f'asked by {sys.argv[1]}')\n", folder="policy")
    assert "asked by 127.0.0.1:" in trial.run("preview", "--policy-pack", "policy", fails=True)
