"""Differences that the engine's display leaves out are shown with marks; others are left to it."""

from __future__ import annotations

import pytest

from provider.text_diff import visible_diff


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("one\n", "one\n", []),
        ("one\n", "two\n", []),
        ("b\r\n", "b\n", ["- b␍", "+ b"]),
        ("b \n", "b\n", ["- b␠", "+ b"]),
        ("b\t \n", "b\n", ["- b␉␠", "+ b"]),
        ("b", "b\n", ["- b (no newline at end)", "+ b"]),
        ("a\nb\n", "a\nb", ["- b", "+ b (no newline at end)"]),
        ("a\u00a0b\n", "a b\n", ["- a\\xa0b", "+ a b"]),
        ("a\n\nb\n", "a\nb\n", ["only the number of empty lines changes"]),
        ("x 1\r\ny 2\n", "x 1\ny 3\n", ["- x 1␍", "+ x 1"]),
        ("# one\na: 1\nb: 1\n", "# two\na: 1\nb: 1\n", []),
        ("a: 1\nb: 1\n", "a:  1\nb: 2\n", ["- a: 1", "+ a:  1"]),
        ("a: 1\nb: 2\n", "b: 2\na: 1\n", ["- b: 2", "+ b: 2"]),
        ("# one\n[1,\n2]\n", "# two\n[1,\n2]\n", ["- # one", "+ # two"]),
        ("# one\n[1,\n2]\n", "# two\n[1,\n3]\n", ["- # one", "+ # two"]),
        ("[1, 2,\n3]\n", "[1,2,\n3]\n", ["- [1, 2,", "+ [1,2,"]),
        ("", "one\n", []),
    ],
)
def test_visible_diff_marks_invisible_differences(old: str, new: str, lines: list[str]) -> None:
    assert visible_diff("/a", old, new) == [f"/a: {line}" for line in lines]


@pytest.mark.parametrize(
    ("old", "new"),
    [("a\r\n", "a\n"), ("a", "a\n"), ("a \n", "a\n"), ("a: 1\n", "a: 1 \n"), ("\n", "\n\n"), ("a\u200b\n", "a\n")],
)
def test_no_invisible_difference_is_left_out(old: str, new: str) -> None:
    assert visible_diff("/a", old, new)
    assert visible_diff("/a", new, old)
