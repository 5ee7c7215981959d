"""Drift: shown by `preview --refresh --diff`, repaired by `up --refresh`, nothing else touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.provider.conftest import Bench
from tests.provider.container import Container
from tests.provider.service import FILE, OTHER, UNIT, said, serve


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, systemd: Container) -> Iterator[Bench]:
    """The service, up. Each test leaves it as it found it: that is what it proves."""
    bench = Bench(tmp_path_factory.mktemp("drift") / "bench", {"n1": systemd}, Path("/etc/proof"))
    before = systemd.left()
    serve(bench)
    yield bench
    bench.destroy()
    assert systemd.left() == before


@pytest.mark.parametrize(
    ("hand", "shown", "restarts"),
    [
        (f"systemctl stop {UNIT}", ["active", "n1: proof.service will start because it was found stopped"], True),
        (f"systemctl disable {UNIT}", ["enabled: false => true"], False),
        (f"ln -sf /dev/null {FILE}; systemctl daemon-reload", ["masked", "(a symbolic link)"], True),
        (f"systemctl mask --runtime --now {UNIT}; rm {FILE}; systemctl daemon-reload", ["masked"], True),
        (f"rm {FILE}; systemctl daemon-reload", [FILE], True),
        ("chmod 0666 /etc/proof/server.conf; chown core /etc/proof/key", ["0666", "core"], False),
        ("echo WORD=hand >/etc/proof/server.conf", ["- WORD=hand", "+ WORD=one", "will restart"], True),
        ("chmod 0777 /etc/proof", ["0777"], False),
    ],
    ids=["stopped", "disabled", "masked", "masked-runtime", "unit-removed", "modes", "edited", "directory"],
)
def test_drift_is_shown_and_repaired(
    served: Bench, systemd: Container, hand: str, shown: list[str], restarts: bool
) -> None:
    before = systemd.started(UNIT), systemd.started(OTHER)
    systemd.run(hand)
    preview = served.preview()
    for text in shown:
        assert text in preview, preview
    assert OTHER not in preview.partition("(update)")[2]
    assert served.up(refresh=True) == {"same": 1, "update": 1}
    assert said(systemd) == "one"
    assert systemd.run(f"systemctl is-enabled {UNIT}").strip() == "enabled"
    assert systemd.run("stat -c '%a %U' /etc/proof /etc/proof/server.conf /etc/proof/key").split() == [
        *("750", "root"),
        *("644", "root"),
        *("600", "root"),
    ]
    assert (systemd.started(UNIT) != before[0]) is restarts
    assert systemd.started(OTHER) == before[1]
    served.operations()
    assert served.up(refresh=True) == {"same": 2}
    assert served.writes() == 0
