"""Drift: shown by `preview --refresh --diff`, repaired by one `up --refresh`, nothing else touched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pulumi import automation

from tests.provider.conftest import Bench
from tests.provider.container import Container
from tests.provider.service import FILE, OTHER, OWNED, SERVICE, UNIT, said, serve

UNITS = "/etc/systemd/system"
SYSCTL = "proof-sysctl.service"
KEY = "net.ipv4.conf.lo.rp_filter"
MANIFESTS = "/etc/proof/manifests"
CONF = "/etc/proof/server.conf"
DROP_IN = f"{FILE}.d/hand.conf"
MOVED = "/var/lib/plumbline/removed/n1-proof"
SETS = f"""[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'echo 2 >/proc/sys/{KEY.replace(".", "/")}'
[Install]
WantedBy=multi-user.target
"""
OLDER = f"""
echo WORD=other >{CONF}
systemctl restart {UNIT}
until [ "$(curl -fsS http://127.0.0.1:18080/ 2>/dev/null)" = other ]; do sleep 0.1; done
begun=$(date +%s)
until [ $(($(date +%s) - begun)) -ge 3 ]; do sleep 0.2; done
echo WORD=one >{CONF}
"""
"""Leaves a process that was started with another content than its file has. The node's clock is read in whole seconds."""

LOOPS = f"""
systemd-run --quiet --unit=proof-taker.service sh -c 'until socat TCP-LISTEN:18080,reuseaddr,fork EXEC:true; do sleep 0.1; done'
systemctl kill --signal=KILL {UNIT}
until [ "$(systemctl show --property NRestarts --value {UNIT})" -ge 3 ]; do sleep 0.1; done
"""


@dataclass(frozen=True)
class Drift:
    """A change by hand, the lines that the preview shows, the units that start again, and a command with its output once all is
    repaired. `then` is done between the preview and the update."""

    hand: str
    shown: list[str]
    started: set[str] = field(default_factory=set)
    check: str = "true"
    found: str = ""
    then: str = "true"


DRIFT = {
    "stopped": Drift(
        f"systemctl stop {UNIT}", ["active", f"n1: {UNIT} will start because it was found stopped"], {UNIT}
    ),
    "failed": Drift(
        f"systemctl kill --signal=KILL {OTHER}; until systemctl --quiet is-failed {OTHER}; do sleep 0.1; done",
        [f"n1: {OTHER} will start because it was found failed", "failed"],
        {OTHER},
    ),
    "crash-loop": Drift(
        LOOPS,
        [f"n1: {UNIT} will restart because it restarts again and again"],
        {UNIT},
        then="systemctl stop proof-taker",
    ),
    "older-process": Drift(OLDER, [f"n1: {UNIT} will restart because it runs with files older than {CONF}"], {UNIT}),
    "disabled": Drift(f"systemctl disable {UNIT}", ["enabled: false => true", "it was found disabled"]),
    "enabled-runtime": Drift(
        f"systemctl disable {UNIT}; systemctl enable --runtime {UNIT}",
        ["it was enabled at run time only"],
        check=f"ls {UNITS}/*/{UNIT}; rm /run/systemd/system/*/{UNIT}",
        found=f"{UNITS}/multi-user.target.wants/{UNIT}\n",
    ),
    "install": Drift(
        f"cd {UNITS}; rm multi-user.target.wants/{UNIT}; mkdir -p basic.target.wants; ln -s {FILE} basic.target.wants/",
        ["its [Install] section asks for other links"],
        check=f"ls {UNITS}/*/{UNIT}; rmdir {UNITS}/basic.target.wants 2>/dev/null || true",
        found=f"{UNITS}/multi-user.target.wants/{UNIT}\n",
    ),
    "masked": Drift(
        f"ln -sf /dev/null {FILE}; systemctl daemon-reload",
        ["masked", "(a symlink to /dev/null)", "it was found masked"],
        {UNIT},
    ),
    "masked-runtime": Drift(
        f"systemctl mask --runtime --now {UNIT}; rm {FILE}; systemctl daemon-reload",
        ["masked", "it was masked at run time"],
        {UNIT},
    ),
    "unit-removed": Drift(f"rm {FILE}; systemctl daemon-reload", [FILE], {UNIT}),
    "not-read": Drift(
        f"touch {FILE}",
        ["systemd has read other files of it than there are now"],
        check=f"systemctl show --property NeedDaemonReload --value {UNIT}",
        found="no\n",
    ),
    "drop-in": Drift(
        f"mkdir -p {FILE}.d; printf '[Service]\\nNice=5\\n' >{DROP_IN}; systemctl daemon-reload; systemctl restart {UNIT}",
        [f"n1: {UNIT} will restart because {DROP_IN} is moved aside"],
        {UNIT},
        f"ls {FILE}.d; systemctl show --property Nice --value {UNIT}; tail -n 1 {MOVED}/*hand.conf; rm -r {MOVED} {FILE}.d",
        "0\nNice=5\n",
    ),
    "drop-in-not-read": Drift(
        f"mkdir -p {FILE}.d; printf '[Service]\\nNice=5\\n' >{DROP_IN}",
        [f"n1: {UNIT} will restart because {DROP_IN} is moved aside"],
        {UNIT},
        f"ls {FILE}.d; systemctl show --property NeedDaemonReload --value {UNIT}; ls {MOVED}; rm -r {MOVED} {FILE}.d",
        "no\n1-hand.conf\n",
    ),
    "entry": Drift(
        f"echo pod >{MANIFESTS}/hand.yaml",
        [f"{MANIFESTS}/hand.yaml"],
        check=f"ls {MANIFESTS}; cat {MOVED}/1-hand.yaml; rm -r {MOVED}",
        found="pod\n",
    ),
    "modes": Drift(f"chmod 0666 {CONF}; chown core /etc/proof/key", ["0666", "core"]),
    "directory": Drift("chmod 0777 /etc/proof", ["0777"]),
    "edited": Drift(f"echo WORD=hand >{CONF}", ["- WORD=hand", "+ WORD=one", f"{UNIT} will restart"], {UNIT}),
    "carriage-return": Drift(
        f"printf 'WORD=one\\r\\n' >{CONF}", [f"{CONF}: - WORD=one␍", f"{CONF}: + WORD=one", "will restart"], {UNIT}
    ),
    "removed": Drift(f"rm {CONF}", [f"{CONF}", "will restart"], {UNIT}),
    "symlink": Drift(
        f"mv {CONF} /run/proof.conf; ln -s /run/proof.conf {CONF}",
        ["(a symlink to /run/proof.conf)", "will restart"],
        {UNIT},
        f"stat -c %F {CONF}; rm /run/proof.conf",
        "regular file\n",
    ),
    "probe": Drift(
        f"sysctl -q {KEY}=0",
        [f"n1: {SYSCTL} will restart because rp-filter is 0, not 2"],
        {SYSCTL},
        f"sysctl -n {KEY}",
        "2\n",
    ),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, systemd: Container) -> Iterator[Bench]:
    """The service, up. Each test leaves it as it found it: that is what it proves."""
    bench = Bench(tmp_path_factory.mktemp("drift") / "bench", {"n1": systemd}, Path("/etc/proof"))
    before = systemd.left()
    serve(bench)
    bench.files[FILE]["content"] = f"[Unit]\nStartLimitIntervalSec=0\n{SERVICE}".replace(
        "Restart=always", "Restart=always\nSuccessExitStatus=143"
    )
    bench.files[f"{UNITS}/{SYSCTL}"] = {"content": SETS, **OWNED}
    shape = {"mode": "0750", "owner": "root", "group": "root"}
    bench.extra["directories"] = {
        "/etc/proof": {**shape, "foreign": "named"},
        MANIFESTS: {**shape, "foreign": "removed"},
    }
    bench.extra["units"][UNIT]["foreignDropIns"] = "removed"
    bench.extra["units"][SYSCTL] = {"enabled": True, "active": True}
    bench.extra["probes"] = {"rp-filter": {"command": f"sysctl -n {KEY}", "expected": "2", "unit": SYSCTL}}
    bench.up()
    yield bench
    bench.destroy()
    assert systemd.left() == before


@pytest.mark.parametrize("drift", [pytest.param(one, id=name) for name, one in DRIFT.items()])
def test_drift_is_shown_and_repaired(served: Bench, systemd: Container, drift: Drift) -> None:
    systemd.run(drift.hand)
    before = starts(systemd)
    preview = served.preview()
    for text in drift.shown:
        assert text in preview, preview
    assert starts(systemd) == before or drift.then != "true"
    systemd.run(drift.then)
    assert served.up(refresh=True) == {"same": 1, "update": 1}
    assert said(systemd) == "one"
    assert systemd.run(f"systemctl is-enabled {UNIT}").strip() == "enabled"
    assert systemd.run(f"stat -c '%a %U' /etc/proof {CONF} /etc/proof/key").split() == [
        *("750", "root"),
        *("644", "root"),
        *("600", "root"),
    ]
    after = starts(systemd)
    assert {unit for unit in after if after[unit] != before[unit]} == drift.started
    assert systemd.run(drift.check) == drift.found
    served.operations()
    assert served.up(refresh=True) == {"same": 2}
    assert served.writes() == 0


def starts(systemd: Container) -> dict[str, str]:
    """When each unit was started."""
    units = (UNIT, OTHER, SYSCTL)
    return dict(zip(units, systemd.started(f"{' '.join(units)}").split(), strict=True))


def test_foreign_paths_are_named_and_stay(served: Bench, systemd: Container) -> None:
    drop_in = f"{UNITS}/{OTHER}.d/hand.conf"
    systemd.run(
        f"mkdir -p {UNITS}/{OTHER}.d; printf '[Service]\\nNice=5\\n' >{drop_in}; systemctl daemon-reload; echo >/etc/proof/x"
    )
    before = starts(systemd)
    try:
        preview = served.preview()
        assert f"n1: {drop_in} is not declared by the program: it changes {OTHER}" in preview
        assert "n1: /etc/proof/x is not declared by the program: see /etc/proof" in preview
        served.operations()
        assert served.up(refresh=True) == {"same": 2}
        assert served.writes() == 0
        assert starts(systemd) == before
        assert systemd.run(f"ls {drop_in} /etc/proof/x").split() == ["/etc/proof/x", drop_in]
    finally:
        systemd.run(f"rm -r {UNITS}/{OTHER}.d /etc/proof/x; systemctl daemon-reload")


def test_required_reboot_is_named_once_and_is_no_drift(served: Bench, systemd: Container) -> None:
    systemd.run("echo >/run/reboot-required")
    try:
        preview = served.preview()
        assert preview.count("n1: wants a reboot: /run/reboot-required exists") == 1
        assert served.up(refresh=True) == {"same": 2}
    finally:
        systemd.run("rm /run/reboot-required")
    assert "wants a reboot" not in served.preview()


def test_component_without_owner_marks_moves_nothing_aside(served: Bench, systemd: Container) -> None:
    """A node of an earlier version: the first update writes the marks, the next one moves."""
    systemd.run(f"rm /var/lib/plumbline/owned/n1-proof; echo pod >{MANIFESTS}/hand.yaml")
    before = starts(systemd)
    preview = served.preview()
    assert f"n1: {MANIFESTS}/hand.yaml is not declared by the program" in preview
    assert "it stays until the component has its owner marks" in preview
    assert "n1: its owner marks will be written" in preview
    assert served.up(refresh=True) == {"same": 1, "update": 1}
    assert systemd.run(f"ls {MANIFESTS}; grep -cx {FILE} /var/lib/plumbline/owned/n1-proof").split() == [
        "hand.yaml",
        "1",
    ]
    assert starts(systemd) == before
    assert served.up(refresh=True) == {"same": 1, "update": 1}
    assert systemd.run(f"ls {MANIFESTS}; rm -r {MOVED}") == ""
    assert served.up(refresh=True) == {"same": 2}


def test_preview_of_a_changed_configuration_reads_the_node_once(bench: Bench) -> None:
    """The engine takes the configuration for the provider's: a changed one had it use a process that has read nothing."""
    bench.text("a", "x\n")
    bench.stack.set_config("plumbline:kubelet", automation.ConfigValue("one"))
    bench.up()
    bench.operations()
    bench.stack.set_config("plumbline:kubelet", automation.ConfigValue("two"))
    bench.preview()
    assert [one["op"] for one in bench.operations()] == ["read"]
