"""Golden files: rendered text must equal the committed file. `--update-golden` writes the files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the golden file of this name."""

    def check(name: str, text: str) -> None:
        file = HERE / name
        if request.config.getoption("--update-golden"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        assert file.exists(), f"{name} is missing: run pytest tests/golden --update-golden"
        assert text == file.read_text(), (
            f"{name} differs: if the change is intended, run pytest tests/golden --update-golden"
        )

    return check
