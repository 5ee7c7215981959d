"""SSH keys, parsed to the last byte: pinned host keys, authorized keys and private keys. Errors never hold key text."""

from __future__ import annotations

import base64
import binascii
import functools
import re
import struct
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_pem_private_key,
    load_ssh_private_key,
    load_ssh_public_identity,
)

CURVES: dict[str, ec.EllipticCurve] = {
    "nistp256": ec.SECP256R1(),
    "nistp384": ec.SECP384R1(),
    "nistp521": ec.SECP521R1(),
}
HOST_KEY_TYPES = ("ssh-ed25519", *(f"ecdsa-sha2-{curve}" for curve in CURVES))
SECURITY_KEY_TYPES = ("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")
AUTHORIZED_KEY_TYPES = (*HOST_KEY_TYPES, "ssh-rsa", *SECURITY_KEY_TYPES)
OPTIONS = re.compile(r'(?:[A-Za-z0-9-]+(?:="(?:\\"|[^"])*")?)(?:,[A-Za-z0-9-]+(?:="(?:\\"|[^"])*")?)*[ \t]+')
HOST_KEY = (
    f"one of {', '.join(HOST_KEY_TYPES)} and its base64 text, as in /etc/ssh/ssh_host_ed25519_key.pub on the host"
)
AUTHORIZED_KEY = (
    f"a line of ~/.ssh/authorized_keys: options if any, one of {', '.join(AUTHORIZED_KEY_TYPES)} and its base64 text"
)
PRIVATE_KEY = "an OpenSSH or PEM private key is needed"
UNENCRYPTED = "an unencrypted OpenSSH or PEM private key"
CERTIFICATE = "a user certificate, as ssh-keygen -s writes it, such as id_ed25519-cert.pub"
RSA_HOST_KEY = (
    "is an RSA key: an RSA host key is not accepted as a pin; "
    "pin the host's ed25519 or ecdsa key instead, as in /etc/ssh/ssh_host_ed25519_key.pub on the host"
)


def host_key(text: str) -> str | None:
    """The error of a pinned host key, `<type> <base64>` with an optional comment; None if it is valid."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if len(lines) > 1:
        return f"holds {len(lines)} lines: pin one key, the host's ssh-ed25519 key if it has one"
    words = "".join(lines).split()
    if len(words) > 1 and words[1] in AUTHORIZED_KEY_TYPES:
        return f"begins with '{words[0]}': remove the part that ssh-keyscan prints before {words[1]}"
    if words and words[0] == "ssh-rsa":
        return RSA_HOST_KEY
    if len(words) < 2 or words[0] not in HOST_KEY_TYPES:
        return f"is not an SSH public key: {HOST_KEY}"
    if (wrong := _blob(words[0], words[1])) is not None:
        return f"is not an SSH public key of type {words[0]}: {wrong}"
    return None


def plain_host_key(text: str) -> str:
    """A valid host key without its comment."""
    [line] = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return " ".join(line.split()[:2])


def authorized_key(text: str) -> str | None:
    """The error of one line of an authorized_keys file; None if it is valid."""
    if len(text.strip().splitlines()) != 1:
        return f"holds {len(text.strip().splitlines())} lines: each entry of the list is one key"
    found = _authorized(text)
    if found is None:
        return f"is not an authorized key: {AUTHORIZED_KEY}"
    if (wrong := _blob(*found)) is not None:
        return f"is not an authorized key of type {found[0]}: {wrong}"
    return None


def same_key(text: str) -> object:
    """The identity of an authorized key: the key itself, without options and comment."""
    return _authorized(text)


def public_key(text: str) -> str | None:
    """The error of a public key of a user or a CA, `<type> <base64>` with an optional comment; None if it is valid."""
    words = text.split()
    if len(text.strip().splitlines()) > 1 or len(words) < 2 or words[0] not in (*HOST_KEY_TYPES, "ssh-rsa"):
        return "is not one SSH public key: its type and its base64 text are needed, as in a .pub file"
    wrong = _blob(words[0], words[1])
    return None if wrong is None else f"is not an SSH public key of type {words[0]}: {wrong}"


def private_key(file: Path, passphrase: str | None = None) -> str | None:
    """The error of the file of a private key; None if it can be used, with this passphrase if it is encrypted."""
    try:
        data = file.read_bytes()
    except OSError as error:
        return f"{file.name} cannot be read ({(error.strerror or 'error').lower()}): {PRIVATE_KEY}"
    if data.startswith(b"PuTTY-User-Key-File"):
        return f"{file.name} is a PuTTY key: {PRIVATE_KEY} (`puttygen -O private-openssh` converts it)"
    if b"PRIVATE KEY-----" not in data:
        kind = "a public key" if _authorized(data.decode(errors="replace").strip()) else "no private key"
        return f"{file.name} holds {kind}: {PRIVATE_KEY}"
    try:
        key = _loaded(data, None)
    except TypeError:
        if passphrase is None:
            return (
                f"{file.name} is encrypted with a passphrase: set privateKeyPassphrase, a secret, or give {UNENCRYPTED}"
            )
        try:
            key = _loaded(data, passphrase)
        except ValueError:
            return f"{file.name} is not opened by privateKeyPassphrase: set the passphrase of this file"
    except UnsupportedAlgorithm:
        return f"{file.name} holds a key of a type that cannot be used: {PRIVATE_KEY} (ed25519, ecdsa or rsa)"
    except ValueError:
        return f"{file.name} holds a damaged private key: {PRIVATE_KEY}"
    usable = isinstance(key, ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) or (
        isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, tuple(map(type, CURVES.values())))
    )
    if not usable:
        return f"{file.name} holds a key of a type that cannot be used: {PRIVATE_KEY} (ed25519, ecdsa or rsa)"
    return None


def private_key_text(file: Path, passphrase: str | None) -> str:
    """The text of a private key that `private_key` has no error for, without a passphrase.

    With one, it is always in the same form (PKCS #8), whether the file is encrypted or not: equal keys are equal texts.
    """
    if passphrase is None:
        return file.read_text()
    data = file.read_bytes()
    try:
        key = _loaded(data, None)
    except TypeError:
        key = _loaded(data, passphrase)
    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text.decode()


@functools.lru_cache(maxsize=64)
def _loaded(data: bytes, passphrase: str | None) -> Any:
    """Cached: to try a passphrase takes a tenth of a second, and all nodes may have the same key."""
    load: Any = load_ssh_private_key if b"BEGIN OPENSSH" in data else load_pem_private_key
    return load(data, password=None if passphrase is None else passphrase.encode())


def user_certificate(file: Path, key: Path, passphrase: str | None = None) -> str | None:
    """The error of the file of a user certificate for the private key in `key`; None if it can be used."""
    try:
        found = load_ssh_public_identity(file.read_bytes())
    except OSError as error:
        return f"{file.name} cannot be read ({(error.strerror or 'error').lower()}): {CERTIFICATE}"
    except (ValueError, UnsupportedAlgorithm):
        return f"{file.name} holds no SSH certificate: {CERTIFICATE}"
    if not isinstance(found, SSHCertificate) or found.type is not SSHCertificateType.USER:
        kind = "a host's certificate" if isinstance(found, SSHCertificate) else "a public key"
        return f"{file.name} holds {kind}: {CERTIFICATE}"
    if private_key(key, passphrase) is not None:
        return None  # noted already
    data = key.read_bytes()
    try:
        loaded = _loaded(data, None)
    except TypeError:
        loaded = _loaded(data, passphrase)
    if _public(loaded.public_key()) != _public(found.public_key()):
        return f"{file.name} is the certificate of another key than {key.name}: {CERTIFICATE}"
    return None


def _public(key: Any) -> bytes:
    text: bytes = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return text


def _authorized(text: str) -> tuple[str, str] | None:
    """Type and base64 text of a line of authorized_keys, None if it is not such a line."""
    line = text.strip()
    if line.partition(" ")[0] not in AUTHORIZED_KEY_TYPES and (options := OPTIONS.match(line)) is not None:
        line = line[options.end() :]
    words = line.split(maxsplit=2)
    return (words[0], words[1]) if len(words) > 1 and words[0] in AUTHORIZED_KEY_TYPES else None


def _blob(kind: str, text: str) -> str | None:
    """The error of the base64 text of a public key of this type, which must consist of exactly its fields."""
    try:
        blob = base64.b64decode(text, validate=True)
    except binascii.Error:
        return "its base64 text is cut short or damaged"
    fields: list[bytes] = []
    while blob:
        length = struct.unpack(">I", blob[:4])[0] if len(blob) >= 4 else len(blob)
        if len(blob) < 4 + length:
            return "its base64 text is cut short or damaged"
        fields.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    if not fields or fields[0] != kind.encode():
        named = fields[0].decode(errors="replace")[:40] if fields else "nothing"
        return f"its base64 text is of type {named}"
    return None if _fields(kind, fields[1:]) else "its base64 text is cut short or damaged"


def _fields(kind: str, fields: list[bytes]) -> bool:
    if kind in SECURITY_KEY_TYPES:
        *fields, application = fields or [b""]
        if not application.startswith(b"ssh:"):
            return False
    if kind in ("ssh-ed25519", SECURITY_KEY_TYPES[0]):
        return len(fields) == 1 and len(fields[0]) == 32
    if kind == "ssh-rsa":
        return len(fields) == 2 and len(fields[0]) >= 1 and len(fields[1]) >= 128
    curve = re.search(r"nistp\d+", kind)
    if curve is None or len(fields) != 2 or fields[0] != curve[0].encode():
        return False
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(CURVES[curve[0]], fields[1])
    except ValueError:
        return False
    return True
