"""A real API server with its etcd, on loopback: the lab's own programs, with own certificates."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from ssl import create_default_context
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from builder import golang
from lab.build import ARTIFACTS, build_part
from lab.parts import PARTS

START_SECONDS = 120
SERVICES = "10.3.0.0/16"


@cache
def program(name: str) -> Path:
    """The lab's program of this name; it is built first if it was not yet."""
    [part] = [one for one in PARTS if any(path.endswith(f"/{name}") for path in one.programs)]
    folder = build_part(part, ARTIFACTS / part.folder, golang.find())
    [path] = [path for path in part.programs if path.endswith(f"/{name}")]
    return folder / path


class CA:
    """A CA in a folder, and what it signs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
        self.pem = self._write("ca", self._signed("ca", self._key, "", is_ca=True), self._key)[0]

    def issue(self, name: str, organization: str = "") -> tuple[str, str]:
        """Certificate and key, in PEM; also as files `<name>.crt` and `<name>.key`."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self._write(name, self._signed(name, key, organization), key)

    def _signed(
        self, name: str, key: ec.EllipticCurvePrivateKey, organization: str, is_ca: bool = False
    ) -> x509.Certificate:
        parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        parts += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(parts))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        )
        return made.sign(self._key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> tuple[str, str]:
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        form = serialization.PrivateFormat.TraditionalOpenSSL
        private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
        (self.folder / f"{name}.crt").write_text(pem)
        (self.folder / f"{name}.key").write_text(private)
        return pem, private


@dataclass
class ApiServer:
    """A running API server, and an admin's way to it: not that of the provider."""

    port: int
    kubeconfig: str
    ca: CA
    folder: Path
    process: subprocess.Popen[bytes]

    def request(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> dict[str, Any]:
        """One request as an admin. Raises urllib.error.HTTPError."""
        context = create_default_context(cadata=self.ca.pem)
        context.load_cert_chain(self.folder / "admin.crt", self.folder / "admin.key")
        asked = urllib.request.Request(f"https://127.0.0.1:{self.port}{path}", method=method)
        asked.add_header("Content-Type", kind)
        with urllib.request.urlopen(
            asked, None if body is None else json.dumps(body).encode(), timeout=20, context=context
        ) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found

    def get(self, path: str) -> dict[str, Any]:
        """An object."""
        return self.request("GET", path)

    def patch(self, path: str, body: Any, manager: str = "kubectl-edit") -> dict[str, Any]:
        """Merges fields into an object, as this manager."""
        return self.request("PATCH", f"{path}?fieldManager={manager}", body, "application/merge-patch+json")

    def apply(self, path: str, body: Any, manager: str) -> dict[str, Any]:
        """Applies fields with force, as this manager."""
        return self.request("PATCH", f"{path}?fieldManager={manager}&force=true", body, "application/apply-patch+yaml")


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def kubeconfig(ca: CA, user: str, organization: str, server: str) -> str:
    """A kubeconfig with embedded certificates."""
    certificate, key = ca.issue(user, organization)
    embedded, crt, secret = (base64.b64encode(pem.encode()).decode() for pem in (ca.pem, certificate, key))
    return yaml.safe_dump(
        {
            "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority-data": embedded}}],
            "users": [{"name": user, "user": {"client-certificate-data": crt, "client-key-data": secret}}],
        }
    )


@contextmanager
def running(folder: Path, **more: str) -> Iterator[ApiServer]:
    """An API server that is ready, with these flags too, and its end."""
    folder.mkdir(parents=True, exist_ok=True)
    ca = CA(folder)
    for name in ("server", "service-account"):
        ca.issue(name)
    client, peer, port = free_port(), free_port(), free_port()
    etcd = [
        *(program("etcd"), "--data-dir", folder / "etcd", "--unsafe-no-fsync"),
        *(
            "--listen-client-urls",
            f"http://127.0.0.1:{client}",
            "--advertise-client-urls",
            f"http://127.0.0.1:{client}",
        ),
        *(
            "--listen-peer-urls",
            f"http://127.0.0.1:{peer}",
            "--initial-advertise-peer-urls",
            f"http://127.0.0.1:{peer}",
        ),
        *("--initial-cluster", f"default=http://127.0.0.1:{peer}"),
    ]
    flags = {
        "etcd-servers": f"http://127.0.0.1:{client}",
        "bind-address": "127.0.0.1",
        "secure-port": port,
        "tls-cert-file": folder / "server.crt",
        "tls-private-key-file": folder / "server.key",
        "client-ca-file": folder / "ca.crt",
        "authorization-mode": "RBAC",
        "service-account-issuer": "https://issuer.test",
        "service-account-key-file": folder / "service-account.key",
        "service-account-signing-key-file": folder / "service-account.key",
        "service-cluster-ip-range": SERVICES,
        # There is no controller manager that would make the default service accounts.
        "disable-admission-plugins": "ServiceAccount",
    }
    flags |= {name.replace("_", "-"): value for name, value in more.items()}
    text = kubeconfig(ca, "admin", "system:masters", f"https://127.0.0.1:{port}")
    with (folder / "log").open("ab") as log:
        started: list[subprocess.Popen[bytes]] = []
        try:
            started.append(subprocess.Popen(list(map(str, etcd)), stdout=log, stderr=log))
            command = [str(program("kube-apiserver")), *[f"--{name}={value}" for name, value in flags.items()]]
            started.append(subprocess.Popen(command, stdout=log, stderr=log))
            server = ApiServer(port, text, ca, folder, started[-1])
            _wait(server, started)
            yield server
        finally:
            for process in reversed(started):
                process.terminate()
            for process in reversed(started):
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _wait(server: ApiServer, started: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server.get("/api/v1/namespaces/kube-system")
            # Its start hooks have ended: all groups are listed, and a signal ends it without an error.
            server.get("/readyz?verbose")
        except json.JSONDecodeError:
            return  # it answers with a text
        except OSError:
            ended = any(one.poll() is not None for one in started)
            if ended or time.monotonic() > deadline:
                raise AssertionError((server.folder / "log").read_text()[-3000:]) from None
            time.sleep(0.2)
