"""SSH keys for tests, made here."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

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
