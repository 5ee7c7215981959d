"""A local repository with stacks that an operator has brought up, and the branches of pull requests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import toolchain

ROOT = Path(__file__).resolve().parents[3]
OURS = ("builder", "ci", "cluster", "nodestate", "provider", "report", "templates", "toolchain")
FILES = ("requirements.txt", "versions.toml", ".gitignore")
STACKS = ("production", "staging")
NODES = {"w1": {"address": "10.9.0.1", "maxPods": 110}, "w2": {"address": "10.9.0.2", "maxPods": 110}}
KEY_FILE = "~/.ssh/id_ed25519"

PROJECT = {
    "name": "plumbline",
    "runtime": {"name": "python", "options": {"virtualenv": ".venv"}},
    "plugins": {"providers": [{"name": "plumbline", "path": "./node"}]},
    "options": {"refresh": "always"},
}


@dataclass(frozen=True)
class Cluster:
    """The operator's side: the bare repository `origin`, the state, the passphrase, and nodes as folders per stack."""

    folder: Path
    passphrase: str
    key: str

    @property
    def origin(self) -> Path:
        """The repository that jobs clone."""
        return self.folder / "cluster.git"

    @property
    def backend(self) -> str:
        """The address of the state."""
        return f"file://{self.folder}/state"

    @property
    def checkout(self) -> Path:
        """The operator's checkout."""
        return self.folder / "checkout"

    def nodes(self, stack: str) -> Path:
        """The folder with a folder per node."""
        return self.folder / "nodes" / stack

    def prepare(self) -> None:
        """Makes the repository, with the settings of all stacks."""
        self.checkout.mkdir(parents=True)
        for name in OURS:
            shutil.copytree(ROOT / name, self.checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            shutil.copy(ROOT / name, self.checkout)
        own = Path(__file__).parent / "repository"
        shutil.copy(own / "__main__.py", self.checkout)
        shutil.copytree(own / "node", self.checkout / "node", ignore=shutil.ignore_patterns("__pycache__"))
        (self.checkout / "Pulumi.yaml").write_text(yaml.safe_dump(PROJECT))
        for stack in STACKS:
            self.configure(stack)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("init", "--quiet", "--bare", str(self.origin))
        self.git("remote", "add", "origin", str(self.origin))
        self.push("main", "Cluster")

    def bring_up(self) -> None:
        """Makes the repository and updates all stacks."""
        self.prepare()
        (self.folder / "state").mkdir()
        (self.checkout / ".venv").symlink_to(sys.prefix)
        key_file = self.folder / "home" / KEY_FILE.removeprefix("~/")
        key_file.parent.mkdir(parents=True)
        key_file.write_text(self.key)
        for stack in STACKS:
            self.pulumi(stack, "stack", "init", stack)
            self.pulumi(stack, "up", "--yes", "--skip-preview", "--stack", stack)
        self.push("main", "Salt of the stacks")

    def configure(self, stack: str, **policy: Any) -> None:
        """Writes the settings of a stack, and keeps its salt."""
        file = self.checkout / f"Pulumi.{stack}.yaml"
        former = yaml.safe_load(file.read_text()) if file.exists() else {}
        config = {
            "plumbline:machines": {"source": "existing", "ssh": {"privateKeyFile": KEY_FILE}},
            "plumbline:nodes": NODES,
            "plumbline:policy": {"maxRestarts": 1, **policy},
        }
        file.write_text(yaml.safe_dump({**former, "config": config}))

    def change(self, branch: str, stack: str, **pods: int) -> str:
        """Pushes a branch in which nodes have another maxPods. Returns its commit."""
        self.git("checkout", "--quiet", "-B", branch, "main")
        file = self.checkout / f"Pulumi.{stack}.yaml"
        settings = yaml.safe_load(file.read_text())
        for node, number in pods.items():
            settings["config"]["plumbline:nodes"][node]["maxPods"] = number
        file.write_text(yaml.safe_dump(settings))
        commit = self.push(branch, "Change maxPods")
        self.git("checkout", "--quiet", "main")
        return commit

    def push(self, branch: str, message: str) -> str:
        """Commits all and pushes the branch. Returns the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        self.git("push", "--quiet", "--force", "origin", f"HEAD:{branch}")
        return self.git("rev-parse", "HEAD").strip()

    def git(self, *arguments: str) -> str:
        """Runs git in the operator's checkout."""
        who = ["-c", "user.name=operator", "-c", "user.email=operator@localhost"]
        done = subprocess.run(["git", *who, *arguments], cwd=self.checkout, check=True, capture_output=True, text=True)
        return done.stdout

    def pulumi(self, stack: str, *arguments: str) -> str:
        """Runs pulumi in the operator's checkout, with the nodes of a stack."""
        own = toolchain.environment(self.checkout) | {
            "HOME": str(self.folder / "home"),
            "SANDBOX_NODES": str(self.nodes(stack)),
            "PULUMI_BACKEND_URL": self.backend,
            "PULUMI_CONFIG_PASSPHRASE": self.passphrase,
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
        done = subprocess.run(
            ["pulumi", "--non-interactive", "--color=never", *arguments],
            cwd=self.checkout,
            env={**clean, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout
