"""An OpenID Connect issuer for tests: an HTTPS server with discovery and keys, and tokens that it or somebody else signs.

`python -m tests.e2e.site.issuer FOLDER ADDRESS PORT` serves the files that `Issuer.prepare` wrote, until it is stopped.
"""

from __future__ import annotations

import base64
import functools
import ipaddress
import json
import ssl
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

KEY_ID = "first"
DISCOVERY = ".well-known/openid-configuration"
KEYS = "keys"


@dataclass(frozen=True)
class Issuer:
    """An issuer at `https://<address>:<port>`. `key` signs its tokens."""

    address: str
    port: int
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048), repr=False)

    @property
    def url(self) -> str:
        """The URL that its tokens name."""
        return f"https://{self.address}:{self.port}"

    def prepare(self, folder: Path) -> str:
        """Write what the server serves and its key pair to a new folder. Return the certificate, which is its own CA."""
        served = folder / "served"
        (served / DISCOVERY).parent.mkdir(parents=True)
        numbers = self.key.public_key().public_numbers()
        public = {"n": _encoded(_bytes(numbers.n)), "e": _encoded(_bytes(numbers.e))}
        key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, **public}
        discovery = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/{KEYS}",
            "authorization_endpoint": f"{self.url}/authorize",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        (served / DISCOVERY).write_text(json.dumps(discovery))
        (served / KEYS).write_text(json.dumps({"keys": [key]}))
        certificate, private = _certificate(self.address)
        pair = folder / "server.pem"
        pair.touch(mode=0o600)
        pair.write_bytes(private + certificate)
        return certificate.decode()

    def token(
        self, user: str, audience: str, groups: tuple[str, ...] = (), key: rsa.RSAPrivateKey | None = None
    ) -> str:
        """A token of ten minutes for a user. With `key`, it is signed by that in place of the issuer's key."""
        now = int(time.time())
        claims = {"iss": self.url, "sub": user, "aud": audience, "groups": groups, "iat": now, "exp": now + 600}
        signed = f"{_json({'alg': 'RS256', 'typ': 'JWT', 'kid': KEY_ID})}.{_json(claims)}"
        signature = (key or self.key).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_encoded(signature)}"


def _certificate(address: str) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer of the test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM), private


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _json(value: Any) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def serve(folder: Path, address: str, port: int) -> None:
    """Serve a prepared folder."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder / "served"))
    server = ThreadingHTTPServer((address, port), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
