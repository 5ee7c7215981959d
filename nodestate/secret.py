"""Two kinds of value that are not plain data: a secret text, and a value that a preview does not know yet."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, NoReturn

HIDDEN = "[secret]"
"""Shown in place of a secret; the engine uses the same word."""


class Unknown:
    """A value that is not known before the run. It is false, and equals nothing but itself."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __copy__(self) -> Unknown:
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> Unknown:
        return self


UNKNOWN = Unknown()


class Secret:
    """A text that is not shown by accident: `str`, `repr` and formatting give a placeholder, `reveal` gives the text.

    A secret may be UNKNOWN, too. It equals another secret of the same text, never a plain text.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str | Unknown) -> None:
        self.__text = text

    @property
    def known(self) -> bool:
        """Whether the text is known."""
        return isinstance(self.__text, str)

    def reveal(self) -> str:
        """The text. Raises ValueError while it is unknown."""
        if not isinstance(self.__text, str):
            raise ValueError("this secret is not known before the run")
        return self.__text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        if not (self.known and other.known):
            return self is other
        return hmac.compare_digest(self.reveal().encode(), other.reveal().encode())

    def __hash__(self) -> int:
        return hash(self.__text)

    def __repr__(self) -> str:
        return HIDDEN

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, _: str) -> str:
        return HIDDEN

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> Secret:
        return self

    def __reduce_ex__(self, _: Any) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


Text = str | Secret | Unknown
"""The content of a file."""


def is_unknown(value: Any) -> bool:
    """Whether a value of the wire form is not known yet, secret or not."""
    return isinstance(value, Unknown) or (isinstance(value, Secret) and not value.known)


def known_text(value: Text | None) -> str | None:
    """The text itself, secret or not; None while it is unknown, or if there is none."""
    if isinstance(value, Secret):
        return value.reveal() if value.known else None
    return value if isinstance(value, str) else None


def sha256(text: str) -> str:
    """The checksum of a text as UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
