"""The comparison with Ansible: the page is what both programs printed, and the play and the program are those that ran."""

from __future__ import annotations

from tests.tools.side_by_side.__main__ import announced
from tests.tools.side_by_side.page import PAGE, page, printed


def test_page_is_current() -> None:
    assert PAGE.read_text() == page(printed()), "run: python -m tests.tools.side_by_side"


def test_announced_is_read_from_a_check() -> None:
    first, second = printed()["ansible"]["rounds"]
    assert announced(first["forecast"]) == first["announced"] == ["/etc/demo/words"]
    assert announced(first["done"]) == first["happened"] == ["/etc/demo/words", "/etc/demo/answer", "demo.service"]
    assert announced(second["done"]) == second["happened"]


def test_nothing_of_this_machine_is_printed() -> None:
    for who in printed().values():
        for one in who["rounds"]:
            for text in (one["forecast"], one["done"]):
                assert "/tmp" not in text and "/root" not in text and "127.0.0.1" not in text
