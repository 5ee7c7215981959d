"""`make kubectl`: kubectl with the admin kubeconfig of a stack, inside the lab's network if the stack is of the lab."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import yaml

from builder.errors import UserError
from lab import netns, parts, stack
from lab.context import Lab, need_root

CONNECT_SECONDS = 3.0


def run(lab: Lab, name: str, arguments: Sequence[str]) -> int:
    """Run kubectl for stack `name` and return its exit code. Raises UserError.

    The kubeconfig is in a private temporary folder while kubectl runs, and never on a command line.
    """
    in_lab = _in_lab(lab, name)
    program = _program(lab, in_lab)
    enter = in_lab and netns.exists(lab)
    if enter:
        need_root("entering the lab's network namespace")
    text = _kubeconfig(lab, name)
    config: dict[str, Any] = yaml.safe_load(text)
    command = [program]
    if not any(argument == "--context" or argument.startswith("--context=") for argument in arguments):
        names = contexts(config, in_lab)

        def choose() -> str:
            return first_reachable(names, _connects)

        command += ["--context", netns.call(lab, choose) if enter else choose()]
    # SIGTERM must not end this process before the folder is removed.
    signal.signal(signal.SIGTERM, _exit)
    with tempfile.TemporaryDirectory(prefix="plumbline-") as folder:
        file = Path(folder) / "kubeconfig"
        file.touch(mode=0o600)
        file.write_text(text)
        command += ["--kubeconfig", str(file), *arguments]
        return subprocess.run(netns.enter(lab, command) if enter else command, check=False).returncode


def contexts(config: Mapping[str, Any], in_lab: bool) -> dict[str, str]:
    """Return the server of each context of a kubeconfig, in the order to try.

    In the lab the current context is left out: the API's name does not resolve there. Raises UserError if none is left.
    """
    servers = {str(one["name"]): str(one["cluster"]["server"]) for one in config["clusters"]}
    found = {str(one["name"]): servers[str(one["context"]["cluster"])] for one in config["contexts"]}
    current = str(config["current-context"])
    if in_lab:
        found.pop(current)
    if not found:
        raise UserError("the kubeconfig has no context for a control-plane node: run `make up` again")
    return dict(sorted(found.items(), key=lambda item: item[0] != current))


def first_reachable(servers: Mapping[str, str], connects: Callable[[str], bool]) -> str:
    """Return the first context whose server accepts connections. Raises UserError if none does."""
    for name, server in servers.items():
        if connects(server):
            return name
    raise UserError(f"no API server accepts connections: tried {', '.join(servers.values())}; see `make status`")


def _connects(server: str) -> bool:
    address = urlsplit(server)
    try:
        with socket.create_connection((address.hostname or "", address.port or 443), timeout=CONNECT_SECONDS):
            return True
    except OSError:
        return False


def _in_lab(lab: Lab, name: str) -> bool:
    """Return whether the lab started the machines of a stack: VMs, or hosts with an address in the lab's network."""
    config = stack.load_config(lab.project, name)
    return stack.source(config) == "libvirt" or bool(stack.container_hosts(config))


def _program(lab: Lab, in_lab: bool) -> str:
    built = lab.mirror / "kubernetes" / f"v{parts.KUBERNETES}" / "kubectl"
    if in_lab and built.exists():
        return str(built)
    found = shutil.which("kubectl")
    if found is None:
        hint = "run `make up` first" if in_lab else "install one, see kubernetes.io/docs/tasks/tools"
        raise UserError(f"there is no kubectl on PATH: {hint}")
    return found


def _kubeconfig(lab: Lab, name: str) -> str:
    command = ["pulumi", "--non-interactive", "stack", "output", "--stack", name, "--show-secrets", "kubeconfig"]
    try:
        done = subprocess.run(
            command, cwd=lab.project, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise UserError(f"cannot run pulumi: {error.strerror}; run `make kubectl`, which sets it up") from None
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines() or ["pulumi printed no reason"]
        raise UserError(f"stack {name} has no kubeconfig ({reason[-1]}): run `make up STACK={name}` first")
    return done.stdout


def _exit(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
