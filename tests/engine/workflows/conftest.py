"""Fixtures: an operator's cluster, a stand-in for the API, and machines that run jobs."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from builder import cache
from tests.engine.workflows.cluster import ROOT, Cluster
from tests.engine.workflows.forge import Forge, serving
from tests.engine.workflows.github import Runner


@dataclass(frozen=True)
class Place:
    """A cluster, the API, and the folder of everything."""

    cluster: Cluster
    forge: Forge
    folder: Path
    environment: dict[str, str]

    @property
    def secrets(self) -> list[str]:
        """The texts that may be nowhere: the token, the passphrase, and each line of the SSH key that holds any of it."""
        lines = [line for line in self.cluster.key.splitlines() if not line.startswith("-----")]
        return [self.forge.token, self.cluster.passphrase, *lines[1:]]

    def own_machine(self, stack: str) -> dict[str, str]:
        """The environment of a runner that has the key file and reaches the nodes of a stack."""
        home = self.cluster.folder / "home"
        return {**self.environment, "HOME": str(home), "SANDBOX_NODES": str(self.cluster.nodes(stack))}


@pytest.fixture(scope="session")
def virtualenv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment, made by the step `Install` of a workflow from nothing. Other jobs find it there."""
    folder = tmp_path_factory.mktemp("install")
    cluster = Cluster(folder / "cluster", "passphrase", "key")
    cluster.prepare()
    runner = Runner(_environment(folder), cluster.origin, folder / "runner", folder / "artifacts")
    done = runner.run(ROOT / "ci/github/plumbline-plan.yml", "plan", PLAIN)
    assert done.outcomes["Install"] == "success", done.log
    return done.workspace / ".venv"


PLAIN = {
    "github": {"event": {"pull_request": {"head": {"repo": {"full_name": "a/b"}}}}, "repository": "a/b"},
    "matrix": {"stack": "production", "ssh": True},
}
"""Enough for a job that gets no further than its installation."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster with two stacks, both up."""
    folder = tmp_path_factory.mktemp("place")
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    cluster = Cluster(folder / "cluster", secrets.token_hex(16), key)
    cluster.bring_up()
    with serving(Forge(secrets.token_hex(20))) as forge:
        yield Place(cluster, forge, folder, _environment(folder))


def _environment(folder: Path) -> dict[str, str]:
    """The environment of a machine for jobs, with this machine's caches."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "PLUMBLINE_CACHE": str(cache.root()),
        "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR", str(Path.home() / ".cache/pip")),
        "SANDBOX_NODES": str(folder / "unreachable"),
    }


@pytest.fixture
def search(place: Place) -> Callable[..., list[str]]:
    """Returns a function that names the texts and files in which a secret is."""

    def found(*texts: str, files: Iterator[Path] | tuple[Path, ...] = ()) -> list[str]:
        named = {f"text {number}": text for number, text in enumerate(texts)}
        named |= {str(file): file.read_text(errors="replace") for file in files if file.is_file()}
        return [name for name, text in named.items() if any(one in text for one in place.secrets)]

    return found
