"""Runs both on a container host, and writes docs/concepts/side-by-side.md: `python -m tests.tools.side_by_side`.

Needs root and the packages of the lab's container hosts, and `make .venv-rival/installed` for Ansible.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import toolchain
from tests.forecast.rival.ansible import PLAYBOOK, packed_python
from tests.provider.container import NAME, Container, booted
from tests.tools.side_by_side.page import FILTER, HERE, PAGE, PRINTED, WORDS, page

ROOT = HERE.parents[2]
ANSWER, UNIT = "/etc/demo/answer", "demo.service"
PATHS = ("/etc/demo/words", ANSWER)
SHORTER = (
    (r"/\S*/plumbline-side-\S*/log", "pulumi.log"),
    (r"\S*/ansible-local-\S*", "<temporary file>"),
    (r"\*{4,}", "***"),
    (r"\n{3,}", "\n\n"),
)


def main() -> int:
    """The command line."""
    with tempfile.TemporaryDirectory(prefix="plumbline-side-") as made:
        folder = Path(made)
        with booted(folder / "lab") as node:
            found = {"ansible": ansible(node, folder)}
            node.run(
                f"systemctl disable --now {UNIT}; rm -rf /etc/demo /etc/systemd/system/{UNIT}; systemctl daemon-reload"
            )
            found["plumbline"] = plumbline(node, folder)
    PRINTED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(page(found))
    return 0


def seen(node: Container) -> dict[str, str]:
    """The texts of the files, and when the service was started."""
    return {**{path: node.run(f"cat {path}") for path in PATHS}, UNIT: node.started(UNIT)}


def happened(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The paths that have another text, and the service if it was started again."""
    return [name for name in (*PATHS, UNIT) if before[name] != after[name]]


def ansible(node: Container, folder: Path) -> dict[str, Any]:
    """The play with the first words; then `--check --diff` and a run with the second."""
    connection = node.connection()
    subprocess.run(node.command("tar --skip-old-files -xPf -"), input=packed_python(), check=True, capture_output=True)
    known = folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{node.port} {connection['hostKey']}\n")
    key = folder / "key"
    key.touch(mode=0o600)
    key.write_text(str(connection["privateKey"]))
    variables = {
        "ansible_host": "127.0.0.1",
        "ansible_port": node.port,
        "ansible_user": "core",
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={known}",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    inventory = folder / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": {NAME: variables}}}))

    def run(words: list[str], *options: str, play: Path = HERE / "play.yml") -> str:
        (folder / "words.json").write_text(json.dumps({"words": words}))
        command = [str(PLAYBOOK), "-i", str(inventory), "-e", f"@{folder}/words.json", *options, str(play)]
        variables = {
            **os.environ,
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
            "ANSIBLE_NOCOWS": "1",
            "ANSIBLE_NOCOLOR": "1",
        }
        return _printed(command, variables, HERE)

    run(WORDS[0])
    rounds = []
    for words in WORDS[1:]:
        before = seen(node)
        forecast = run(words, "--check", "--diff")
        assert seen(node) == before, "a check must change nothing"
        done = run(words, "--diff")
        rounds.append(_round(forecast, announced(forecast), done, happened(before, seen(node))))
    (folder / "filter.yml").write_text((HERE / "play.yml").read_text().replace("sorted.stdout", FILTER))
    filtered = run(WORDS[0], "--check", "--diff", play=folder / "filter.yml")
    version = subprocess.run([str(PLAYBOOK), "--version"], capture_output=True, text=True, check=True).stdout
    number = version.splitlines()[0].partition("[core ")[2].rstrip("]")
    return {"version": number, "rounds": rounds, "filtered": announced(filtered)}


def announced(printed: str) -> list[str]:
    """The files and the restart that a check announces: tasks that would change something, and handlers that would run."""
    changed = {
        match[1]
        for match in re.finditer(
            r"^(?:TASK|RUNNING HANDLER) \[([^\]]+)\](?:(?!^TASK|^RUNNING).)*?^changed:",
            printed,
            re.DOTALL | re.MULTILINE,
        )
    }
    names = dict(zip((*PATHS, UNIT), ("words", "answer", "restart demo"), strict=True))
    return [subject for subject, task in names.items() if task in changed]


def plumbline(node: Container, folder: Path) -> dict[str, Any]:
    """The program with the first words; then a preview and an update with the second."""
    connection = node.connection()
    state = folder / "state"
    state.mkdir()
    variables = {
        **os.environ,
        **toolchain.environment(folder),
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "demo",
        "PLUMBLINE_PYTHON": str(ROOT / ".venv/bin/python"),
        "PYTHONPATH": str(ROOT),
    }
    variables.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
    program, config = HERE / "program", folder / "Pulumi.demo.yaml"
    stack = ["--stack", "demo", "--config-file", str(config)]

    def pulumi(*words: str, text: str | None = None) -> str:
        return _printed(["pulumi", *words], variables, program, text)

    def report(*words: str) -> tuple[str, dict[str, Any]]:
        json_file = folder / "report.json"
        command = [sys.executable, "-m", "report.run", "--log", str(folder / "log"), "--json", str(json_file), *words]
        return _printed(command, variables, program), json.loads(json_file.read_text())

    def choose(words: list[str]) -> None:
        pulumi("config", "set", "words", json.dumps(words), *stack)

    pulumi("stack", "init", "demo")
    pulumi("config", "set", "--secret", "connection", *stack, text=json.dumps(connection))
    login = {**connection, "hostKey": connection["hostKey"]}
    pulumi("config", "set", "--secret", "login", *stack, text=json.dumps(login))
    choose(WORDS[0])
    up = ["pulumi", "up", "--yes", "--skip-preview", *stack]
    report("--", *up)
    rounds = []
    for words in WORDS[1:]:
        before = seen(node)
        choose(words)
        forecast, plan = report("--", "pulumi", "preview", "--diff", *stack)
        assert seen(node) == before, "a preview must change nothing"
        kept = (folder / "report.json").rename(folder / "forecast.json")
        done, _ = report("--forecast", str(kept), "--", *up)
        [changes] = [one for one in plan["nodes"] if one["node"] == NAME]
        named = {one["path"] for one in changes.get("paths", ())} | {one["unit"] for one in changes.get("steps", ())}
        told = [subject for subject in (*PATHS, UNIT) if subject in named]
        rounds.append(_round(forecast, told, done, happened(before, seen(node))))
    version = pulumi("version").strip().removeprefix("v")
    pulumi("destroy", "--yes", *stack)
    return {"version": version, "rounds": rounds}


def _round(forecast: str, told: list[str], done: str, did: list[str]) -> dict[str, Any]:
    return {"forecast": _short(forecast), "announced": told, "done": _short(done), "happened": did}


def _printed(command: list[str], variables: dict[str, str], folder: Path, text: str | None = None) -> str:
    done = subprocess.run(
        command, env=variables, cwd=folder, input=text, capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def _short(printed: str) -> str:
    for pattern, shorter in SHORTER:
        printed = re.sub(pattern, shorter, printed)
    return printed.strip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
