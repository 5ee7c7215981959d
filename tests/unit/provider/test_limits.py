"""The provider raises its limit of open files: it keeps a connection to each node."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
soft, hard = (int(word) for word in sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from provider.server import raise_open_files
raise_open_files()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(("soft", "hard", "expected"), [(256, 2000, "2000 2000"), (2000, 2000, "2000 2000")])
def test_limit_of_open_files_is_raised(soft: int, hard: int, expected: str) -> None:
    command = [sys.executable, "-c", SCRIPT, str(soft), str(hard)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == expected
