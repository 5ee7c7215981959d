"""Secrets to search for: in clear, by line and value, and in base64 at each of the three alignments."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

SHORTEST = 8
"""Shorter lines and values are no needles: they are found by chance."""

PUBLIC = re.compile(r"-----(BEGIN|END) [A-Z ]+-----|apiVersion: v1|kind: Config|users:|- name: admin|user:")
"""Lines of a secret text that are the same in every such file."""


@dataclass
class Haystack:
    """All that a run printed, stored and started, by the name of its origin."""

    texts: dict[str, bytes] = field(default_factory=dict)

    def add(self, origin: str, text: str | bytes) -> None:
        """Adds a text; a repeated origin is continued."""
        found = text if isinstance(text, bytes) else text.encode()
        self.texts[origin] = self.texts.get(origin, b"") + b"\n" + found

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(map(len, self.texts.values()))

    def leaks(self, secrets: Mapping[str, str]) -> list[str]:
        """Where which secret is. The secret itself is not in it."""
        # JSON writes line ends, quotes and other characters as escapes.
        unescaped = {name: _unescaped(text) for name, text in self.texts.items()}
        found: dict[str, None] = {}
        for name, secret in secrets.items():
            for needle, form in needles(secret).items():
                for origin, text in self.texts.items():
                    if needle in text or needle in unescaped[origin]:
                        found[f"{name} ({form}) is in {origin}"] = None
        return list(found)


def needles(secret: str) -> dict[bytes, str]:
    """The texts to search for, each with its form in words."""
    found: dict[bytes, str] = {}
    lines = [line.strip() for line in secret.splitlines() if not PUBLIC.fullmatch(line.strip())]
    values = [re.split(r"[=:]\s*", line, maxsplit=1)[-1] for line in lines]
    for text in (*values, *lines, secret.strip()):
        if len(text.encode()) >= SHORTEST:
            found |= {text.encode(): "in clear", **dict.fromkeys(encoded(text), "in base64")}
    return found


def encoded(text: str) -> Iterable[bytes]:
    """Base64 at the three alignments, without the characters that depend on what is before and after."""
    content = text.encode()
    for before, unsure in ((0, 0), (1, 2), (2, 3)):
        known = base64.b64encode(bytes(before) + content)[unsure : (before + len(content)) // 3 * 4]
        if len(known) >= SHORTEST:
            yield known
            yield known.translate(bytes.maketrans(b"+/", b"-_"))


def make(version: int) -> dict[str, str]:
    """One secret of each kind by name; those of two versions differ in every line."""
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    token = base64.b64encode(f"token-{version}-of-the-admin-{version * 7919}".encode()).decode()
    return {
        f"line {version}": f"Marker-of-one-line-{version}-qX7\n",
        f"value {version}": f"user=a\npassword=S3cret-Value-{version}-hT5z\n",
        f"private key {version}": key.decode(),
        f"kubeconfig {version}": f"apiVersion: v1\nkind: Config\nusers:\n- name: admin\n  user:\n    token: {token}\n",
        f"short lines {version}": "".join(f"{version}{letter}q{letter}{version}\n" for letter in "abcdefghijkl"),
        f"odd bytes {version}": f"\x01\x02é\x7f\u20ac-odd-{version}-\x1b[0m\ttab\n",
        f"without a line end {version}": f"no-line-end-{version}-Zz9Yy8",
    }


def _unescaped(text: bytes) -> bytes:
    plain = text.replace(b"\\n", b"\n").replace(b"\\t", b"\t").replace(b'\\"', b'"').replace(b"\\/", b"/")
    return re.sub(rb"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)).encode(errors="replace"), plain)
