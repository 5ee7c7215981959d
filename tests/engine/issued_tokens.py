"""An API server with the rendered files of a control-plane node, asked with tokens of an issuer, in its own network namespace.

`unshare --net python -m tests.engine.issued_tokens FOLDER` prints what kubectl says to each token, as JSON by its name.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.asymmetric import rsa

from cluster import versions
from cluster.node import kube_apiserver
from cluster.plan import plan
from lab.context import Lab
from tests import clusters
from tests.e2e.site.issuer import Issuer

MIRROR = Lab.of(Path(__file__).parents[2]).mirror
KUBERNETES = MIRROR / "kubernetes" / versions.DEFAULT
ETCD = MIRROR / "etcd" / versions.ETCD / "etcd"
ADDRESS, ISSUER_PORT, AUDIENCE = "127.0.0.1", 8443, "plumbline"
SECONDS = 90


def render(folder: Path, issuer: Issuer, ca: str) -> None:
    """Write the API server's own files for a cluster with this issuer."""
    jwt = {
        "issuer": {"url": issuer.url, "audiences": [AUDIENCE], "certificateAuthority": ca},
        "claimMappings": {
            "username": {"claim": "sub", "prefix": "oidc:"},
            "groups": {"claim": "groups", "prefix": "oidc:"},
        },
    }
    settings = {"controlPlane": {"apiServer": {"authentication": {"jwt": [jwt]}}}}
    for step in plan(clusters.load(folder, clusters.values() | settings)).of_node("m1"):
        for path, file in step.state.files.items():
            if path.startswith(f"/etc/kubernetes/{kube_apiserver.NAME}/") and file.text is not None:
                (folder / path.rpartition("/")[2]).write_text(file.text)


def key_pair(folder: Path) -> None:
    """Write one self-signed key pair, which serves for all purposes here."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(folder / "key")]
    made = ["openssl", "req", "-x509", *key, "-out", str(folder / "crt"), "-days", "1", "-subj", "/CN=plumbline"]
    subprocess.run(made, check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", folder / "key", "-pubout", "-out", folder / "pub"], check=True)


def flags(folder: Path) -> list[str]:
    """The flags of an API server on loopback with the rendered authentication."""
    given = {
        "etcd-servers": "http://127.0.0.1:2379",
        "advertise-address": ADDRESS,
        "authentication-config": folder / "authentication.yaml",
        "authorization-mode": "Node,RBAC",
        "client-ca-file": folder / "crt",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": folder / "pub",
        "service-account-signing-key-file": folder / "key",
        "service-cluster-ip-range": "10.3.0.0/16",
        "tls-cert-file": folder / "crt",
        "tls-private-key-file": folder / "key",
    }
    return [f"--{name}={value}" for name, value in given.items()]


def whoami(folder: Path, token: str) -> str:
    """Return the output of `kubectl auth whoami` with a token, which is in a file."""
    config = {
        **{"apiVersion": "v1", "kind": "Config", "current-context": "one"},
        "clusters": [
            {"name": "one", "cluster": {"server": f"https://{ADDRESS}:6443", "insecure-skip-tls-verify": True}}
        ],
        "users": [{"name": "one", "user": {"token": token}}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    command: list[str | Path] = [
        KUBERNETES / "kubectl",
        "--kubeconfig",
        folder / "kubeconfig",
        "--request-timeout",
        "10s",
        "auth",
        "whoami",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return str(done.stdout + done.stderr)


def answers(folder: Path) -> Mapping[str, str]:
    """Start issuer, etcd and API server; return the answer to each token."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    issuer = Issuer(ADDRESS, ISSUER_PORT)
    (folder / "issuer").mkdir()
    render(folder, issuer, issuer.prepare(folder / "issuer"))
    key_pair(folder)
    module = [sys.executable, "-m", "tests.e2e.site.issuer", str(folder / "issuer"), ADDRESS, str(ISSUER_PORT)]
    with ExitStack() as stack, (folder / "log").open("w") as log:
        etcd = [str(ETCD), "--data-dir", str(folder / "etcd")]
        for command in (module, etcd, [str(KUBERNETES / "kube-apiserver"), *flags(folder)]):
            process = stack.enter_context(subprocess.Popen(command, stdout=log, stderr=log))
            stack.callback(process.kill)
        good = issuer.token("alice", AUDIENCE, ("ops",))
        deadline = time.monotonic() + SECONDS
        while (accepted := whoami(folder, good)) and "oidc:alice" not in accepted and time.monotonic() < deadline:
            time.sleep(1)
        another = rsa.generate_private_key(65537, 2048)
        return {
            "accepted": accepted,
            "another key": whoami(folder, issuer.token("alice", AUDIENCE, ("ops",), another)),
            "another audience": whoami(folder, issuer.token("alice", "another", ("ops",))),
        }


if __name__ == "__main__":
    print(json.dumps(answers(Path(sys.argv[1]))))
