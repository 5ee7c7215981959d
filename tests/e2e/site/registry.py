"""A registry with TLS and users, and a proxy, in the lab's network."""

from __future__ import annotations

import ctypes
import ctypes.util
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.harness import Project, wait_for
from tests.tools import programs

ADDRESS = "10.78.0.1"
PORT = 5443
URL = f"https://{ADDRESS}:{PORT}"
PROXY_PORT = 3128
SALT = b"$2b$06$abcdefghijklmnopqrstuu"

CONFIG = """\
version: 0.1
log: {{level: info, formatter: text}}
storage: {{filesystem: {{rootdirectory: {folder}/images}}}}
http:
  addr: {address}:{port}
  tls: {{certificate: {folder}/server.crt, key: {folder}/server.key}}
auth: {{htpasswd: {{realm: site, path: {folder}/htpasswd}}}}
"""


def bcrypt(password: str) -> str:
    """The hash of a password that the registry accepts, by the system's crypt(3)."""
    library = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    found = library.crypt(password.encode(), SALT)
    assert found is not None
    assert found.startswith(b"$2b$")
    return str(found.decode())


@dataclass
class Servers:
    """The processes, in the lab's namespace. `ca` is the certificate of the registry's CA."""

    project: Project
    folder: Path
    ca: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        """Start the registry and the proxy, and wait until they serve."""
        self.folder.mkdir()
        self._certificates()
        config = self.folder / "config.yml"
        config.write_text(CONFIG.format(folder=self.folder, address=ADDRESS, port=PORT))
        self._run("registry", str(programs.registry()), "serve", str(config))
        self._run(
            "proxy", str(self.project.path / ".venv/bin/python"), "-m", "tests.e2e.site.proxy", ADDRESS, str(PROXY_PORT)
        )
        for port in (PORT, PROXY_PORT):
            probe = f"exec 3<>/dev/tcp/{ADDRESS}/{port}"
            wait_for(
                f"port {port} is open", lambda probe=probe: "ok" in self._bash(f"({probe}) 2>/dev/null && echo ok")
            )

    def stop(self) -> None:
        """Stop both."""
        for process in self.processes:
            process.terminate()
            process.wait(20)

    def set_password(self, user: str, password: str) -> None:
        """Make this the registry's only user. It reads the file again when its time has changed."""
        time.sleep(1.1)
        (self.folder / "htpasswd").write_text(f"{user}:{bcrypt(password)}\n")

    def log(self, name: str) -> str:
        """The log of `registry` or `proxy`."""
        return (self.folder / f"{name}.log").read_text()

    def _run(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    [str(self.project.path / ".venv/bin/python"), "-m", "lab", "exec", "--", *command],
                    cwd=self.project.path,
                    env=self.project.environment(),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )

    def _bash(self, script: str) -> str:
        return self.project.lab("exec", "--", "bash", "-c", script, check=False)

    def _certificates(self) -> None:
        now = datetime.now(UTC)
        keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
        names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("site-ca", "registry")]
        for index, file in enumerate(("ca", "server")):
            builder = (
                x509.CertificateBuilder()
                .subject_name(names[index])
                .issuer_name(names[0])
                .public_key(keys[index].public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - timedelta(minutes=5))
                .not_valid_after(now + timedelta(days=2))
                .add_extension(x509.BasicConstraints(ca=index == 0, path_length=None), critical=True)
                .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(ADDRESS))]), critical=False)
            )
            signed = builder.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
            (self.folder / f"{file}.crt").write_bytes(signed)
        self.ca = (self.folder / "ca.crt").read_text()
        key = self.folder / "server.key"
        key.touch(mode=0o600)
        key.write_bytes(
            keys[1].private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
