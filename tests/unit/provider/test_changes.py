"""Differences of probes as the plan shows them."""

from __future__ import annotations

import pytest

from provider.changes import LACKING, ProbeChange

MANY = "".join(f"registry.example/image-{number} sha256:{number:064}\n" for number in range(9))
LAST = f"registry.example/image-8 sha256:{8:064}"


@pytest.mark.parametrize(
    ("found", "expected", "difference"),
    [
        ("0", "1", ("0", "1")),
        ("", "1", ("", "1")),
        (MANY.replace(LAST, "other 1"), MANY, ("other 1", LAST)),
        (MANY.replace(f"{LAST}\n", ""), MANY, (LACKING, LAST)),
        (MANY, MANY.replace(f"{LAST}\n", ""), (LAST, LACKING)),
        ("b\na\n", "a\nb\n", ("b\na\n", "a\nb\n")),
    ],
)
def test_of_several_lines_those_that_differ_are_shown(found: str, expected: str, difference: tuple[str, str]) -> None:
    assert ProbeChange("images", found, expected, "images.service").difference == difference
