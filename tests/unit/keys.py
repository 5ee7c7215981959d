"""SSH keys and certificates for tests, made here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

Key = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
ED25519: Key = ed25519.Ed25519PrivateKey.generate()
ECDSA: Key = ec.generate_private_key(ec.SECP256R1())
RSA: Key = rsa.generate_private_key(65537, 2048)
ENCRYPTED = BestAvailableEncryption(b"a passphrase")


def private_key(
    key: Key = ED25519,
    form: PrivateFormat = PrivateFormat.OpenSSH,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    """The text of a private key's file."""
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


def public_key(key: Key) -> str:
    """A public key as `<type> <base64>`."""
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


HOST_KEY = public_key(ED25519)

ENCRYPTED_OPENSSH = b"""-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABD9pErKvN
pCx3VUZluKATASAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIBchZrhB3NWWHNp2
On0SJRn72dH6GJjvAMHgXDRm8C2MAAAAkI9Svd3T0ngPQD/ZIS9ffzhZuWQ3TBDiNIKTME
LKH2yEbeNQrxi1bA1vgCqihfs5hYH3huqjgQxxxsZy9uYHPmUrPtBlbU8tTP34X9gWkhFA
gEUqp+B0PniMw3fxl/l/SxnPkg/uf5ZBCJWarQxV6rNst1dtNwGA6+VL5zCgi/uD9TAdzV
pyLc92Mqh+wR/z7g==
-----END OPENSSH PRIVATE KEY-----
"""
"""A key that `ssh-keygen -N "a passphrase"` made: cryptography writes no encrypted OpenSSH keys without bcrypt."""


def certificate(name: str = "site-ca") -> str:
    """A self-signed CA certificate in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
