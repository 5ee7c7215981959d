"""`make kubectl`, with scripts in place of pulumi and kubectl."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from builder.errors import UserError
from lab import kubectl

ROOT = Path(__file__).resolve().parents[3]
MARKER = "a-private-key"


def config(*nodes: str, name: str = "prod", api: str = "https://api.example:6443") -> dict[str, Any]:
    servers = {name: api, **{f"{name}-{node}": f"https://{node}:6443" for node in nodes}}
    return {
        "clusters": [{"name": key, "cluster": {"server": server}} for key, server in servers.items()],
        "contexts": [{"name": key, "context": {"cluster": key, "user": "admin"}} for key in servers],
        "users": [{"name": "admin", "user": {"client-key-data": MARKER}}],
        "current-context": name,
    }


def test_contexts_begin_with_the_current_one() -> None:
    found = kubectl.contexts(config("10.0.0.1", "10.0.0.2"), in_lab=False)
    assert list(found) == ["prod", "prod-10.0.0.1", "prod-10.0.0.2"]
    assert found["prod-10.0.0.2"] == "https://10.0.0.2:6443"


def test_contexts_in_the_lab_are_those_of_nodes() -> None:
    assert list(kubectl.contexts(config("10.0.0.1"), in_lab=True)) == ["prod-10.0.0.1"]
    with pytest.raises(UserError, match="no context for a control-plane node"):
        kubectl.contexts(config(), in_lab=True)


def test_first_reachable_skips_a_node_that_is_down() -> None:
    servers = {"one": "https://10.0.0.1:6443", "two": "https://10.0.0.2:6443"}
    assert kubectl.first_reachable(servers, lambda server: "0.2" in server) == "two"
    with pytest.raises(UserError, match=r"tried https://10.0.0.1:6443, https://10.0.0.2:6443; see `make status`"):
        kubectl.first_reachable(servers, lambda server: False)


class Stack:
    """A project with the stack `prod` on hosts outside the lab, and programs on PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        machines = {"plumbline:machines": {"source": "existing"}, "plumbline:nodes": {"m1": {"address": "192.0.2.1"}}}
        (folder / "Pulumi.prod.yaml").write_text(yaml.safe_dump({"config": machines}))
        self.kubeconfig(config(api="https://127.0.0.1:1"))

    def kubeconfig(self, content: dict[str, Any]) -> None:
        (self.folder / "output").write_text(yaml.safe_dump(content))
        self.program("pulumi", f'echo "$@" >{self.folder}/asked; cat {self.folder}/output')

    def program(self, name: str, script: str) -> None:
        (self.programs / name).write_text(f"#!/bin/sh\nPATH={os.defpath}\n{script}\n")
        (self.programs / name).chmod(0o755)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lab", "--project", str(self.folder), "kubectl", "prod", "--", *arguments],
            cwd=ROOT,
            env={
                **os.environ,
                "PATH": str(self.programs),
                "TMPDIR": str(self.temporary),
                "PLUMBLINE_LAB": "none",
            },
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path)


def test_kubectl_gets_a_private_kubeconfig_that_is_removed(stack: Stack) -> None:
    stack.program(
        "kubectl", 'echo "$@"; while [ "$1" != --kubeconfig ]; do shift; done; stat -c "%a %n" "$2"; cat "$2"'
    )
    done = stack.run("--context", "prod", "get", "nodes", "-o", "wide")
    arguments, mode, *content = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert arguments.startswith("--kubeconfig ") and arguments.endswith(" --context prod get nodes -o wide")
    assert MARKER not in arguments
    assert mode.startswith(f"600 {stack.temporary}/")
    assert any(MARKER in line for line in content)
    assert list(stack.temporary.iterdir()) == []
    assert (stack.folder / "asked").read_text().split()[-4:] == ["--stack", "prod", "--show-secrets", "kubeconfig"]


def test_kubectl_exit_code_is_passed_on_and_the_kubeconfig_removed(stack: Stack) -> None:
    stack.program("kubectl", "exit 3")
    assert stack.run("--context=prod", "get", "nodes").returncode == 3
    assert list(stack.temporary.iterdir()) == []


def test_kubectl_kubeconfig_is_removed_on_sigterm(stack: Stack) -> None:
    stack.program("kubectl", "kill $PPID; sleep 1")
    assert stack.run("--context", "prod", "get", "nodes").returncode == 128 + 15
    assert list(stack.temporary.iterdir()) == []


def test_kubectl_reports_that_no_api_server_answers(stack: Stack) -> None:
    stack.program("kubectl", "exit 0")
    done = stack.run("get", "nodes")
    assert done.returncode == 1
    assert "no API server accepts connections: tried https://127.0.0.1:1; see `make status`" in done.stderr


def test_kubectl_reports_a_stack_without_kubeconfig(stack: Stack) -> None:
    stack.program("kubectl", "exit 0")
    stack.program("pulumi", "echo error: no stack named prod >&2; exit 255")
    done = stack.run("get", "nodes")
    assert done.returncode == 1
    assert done.stderr == (
        "lab: error: stack prod has no kubeconfig (error: no stack named prod): run `make up STACK=prod` first\n"
    )


def test_kubectl_reports_a_missing_program(stack: Stack) -> None:
    done = stack.run("get", "nodes")
    assert "there is no kubectl on PATH: install one" in done.stderr
