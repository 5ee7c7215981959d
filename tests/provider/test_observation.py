"""The view of a read on a real systemd, one kind of drift after another, and the plan that follows. Nothing is repaired here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nodestate import NodeStateInputs, Secret, from_wire
from provider.observe import Request, observe
from provider.observed import Observed
from provider.plan import Plan, make_plan
from provider.ssh import SshPool
from tests.provider.container import Container

UNIT = "seen.service"
FILE = f"/etc/systemd/system/{UNIT}"
DROP_IN = f"{FILE}.d/hand.conf"
TEXT = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
CONF = "/etc/seen/a.conf"
WANTED: dict[str, Any] = {
    "files": {FILE: {"content": TEXT}, CONF: {"content": "one\ntwo\n"}},
    "directories": {"/etc/seen": {"foreign": "named"}},
    "units": {UNIT: {}},
    "reactions": [{"unit": UNIT, "action": "restart", "files": [FILE, CONF]}],
    "probes": {"word": {"command": "cat /run/seen-word", "expected": "1", "unit": UNIT}},
}
PREPARE = f"""
rm -rf /etc/seen {FILE}.d /run/systemd/system/{UNIT} /run/systemd/system/multi-user.target.wants/{UNIT}
mkdir -p /etc/seen
rm -f {FILE}
printf '%s' '{TEXT}' >{FILE}
printf 'one\\ntwo\\n' >{CONF}
touch -d '1 hour ago' {FILE} {CONF}
echo 1 >/run/seen-word
systemctl daemon-reload
systemctl reset-failed {UNIT} 2>/dev/null || true
systemctl --quiet reenable {UNIT}
systemctl restart {UNIT}
"""
REMOVE = f"""
systemctl --quiet unmask --runtime {UNIT} 2>/dev/null || true
systemctl --quiet disable --now {UNIT} 2>/dev/null || true
rm -rf /etc/seen {FILE} {FILE}.d /run/seen-word /run/systemd/system/{UNIT}
rm -f /etc/systemd/system/*.wants/{UNIT} /run/systemd/system/*.wants/{UNIT} /etc/systemd/system/seen-alias.service
systemctl daemon-reload
systemctl reset-failed {UNIT} 2>/dev/null || true
"""


def plan_of(systemd: Container, **more: Any) -> tuple[Observed, Plan]:
    """The state found there now, and its plan."""
    found = read(systemd, wanted(systemd, **more))
    return found, make_plan(found, wanted(systemd, **more))


def wanted(systemd: Container, **more: Any) -> NodeStateInputs:
    """The unit with its files, and `more`."""
    connection = systemd.connection()
    return from_wire(NodeStateInputs, {"node": "n1", "connection": connection, **WANTED, **more})


def read(systemd: Container, state: NodeStateInputs, former: NodeStateInputs | None = None) -> Observed:
    """One observation over SSH."""

    async def scene() -> Observed:
        pool = SshPool()
        [found] = await observe(pool.session("n1", state.connection), [Request(state, "n1-seen", {}, former)])
        return found

    return asyncio.run(scene())


@pytest.fixture
def unit(systemd: Container) -> Iterator[Container]:
    """The unit, as wanted."""
    systemd.run(PREPARE)
    yield systemd
    systemd.run(REMOVE)


def test_state_as_wanted_has_an_empty_plan(unit: Container) -> None:
    found, plan = plan_of(unit)
    assert plan == Plan()
    assert found.machine == unit.run("cat /etc/machine-id").strip()
    assert (found.skew, found.notes) == (0, ())
    assert found.units[UNIT] == type(found.units[UNIT])()


@pytest.mark.parametrize(
    ("hand", "shown"),
    [
        (f"mv {CONF} /run/seen.conf; ln -s /run/seen.conf {CONF}", ["/etc/seen/a.conf content", "restart"]),
        (f"chmod 0600 {CONF}", ["/etc/seen/a.conf mode"]),
        (f"printf 'one\\r\\ntwo\\n' >{CONF}", ["/etc/seen/a.conf content", "restart: /etc/seen/a.conf changes"]),
        (f"touch {CONF}", ["restart: it runs with files older than /etc/seen/a.conf"]),
        (f"mkdir -p {FILE}.d; printf '[Service]\\nNice=1\\n' >{DROP_IN}; systemctl daemon-reload", [f"{DROP_IN} is not declared"]),
        (f"mkdir -p {FILE}.d; printf '[Service]\\nNice=1\\n' >{DROP_IN}", [f"{DROP_IN} is not declared", "daemon-reload"]),
        (f"touch {FILE}", ["daemon-reload: systemd has read other files", "restart: it runs with files older than"]),
        (f"rm {FILE}; systemctl mask {UNIT}; systemctl stop {UNIT}", ["unmask", "it was found masked", f"{FILE} content"]),
        (f"rm {FILE}; systemctl mask --runtime {UNIT}; systemctl stop {UNIT}", ["unmask", "it was masked at run time", f"{FILE} added"]),
        (f"ln -s /dev/null /run/systemd/system/{UNIT}; systemctl daemon-reload", ["unmask", "it was masked at run time"]),
        (f"systemctl disable {UNIT}; systemctl enable --runtime {UNIT}", ["enable: it was enabled at run time only"]),
        (f"systemctl disable {UNIT}", ["enable: it was found disabled"]),
        (f"cd /etc/systemd/system; rm multi-user.target.wants/{UNIT}; mkdir -p basic.target.wants; ln -s {FILE} basic.target.wants/{UNIT}", ["reenable: its [Install] section asks for other links"]),
        (f"ln -s {FILE} /etc/systemd/system/seen-alias.service; systemctl daemon-reload", ["reenable: its [Install] section asks for other links"]),
        (f"systemctl stop {UNIT}", ["start: it was found stopped"]),
        ("touch /etc/seen/.hidden /etc/seen/foreign", ["/etc/seen/foreign is not declared"]),
        ("echo 0 >/run/seen-word", ["word 0 -> 1", "restart: word is 0, not 1"]),
        ("rm /run/seen-word", ["(exit status 1) -> 1", "restart: word is"]),
    ],
    ids=["symlink", "mode", "carriage-return", "older-process", "drop-in", "drop-in-not-loaded", "daemon-reload", "masked",
         "masked-runtime", "masked-without-effect", "enabled-runtime", "disabled", "wants", "alias", "stopped", "foreign-entry", "probe",
         "probe-fails"],
)  # fmt: skip
def test_drift_is_in_the_plan(unit: Container, hand: str, shown: list[str]) -> None:
    # The process must be older than the next second: a node's clock is read in whole seconds.
    wait_until_older(unit, 2)
    unit.run(hand)
    _, plan = plan_of(unit)
    lines = words(plan)
    for text in shown:
        assert any(text in line for line in lines), (text, lines)


def wait_until_older(systemd: Container, seconds: int) -> None:
    """Waits until the unit has run for so long."""
    started = int(systemd.started(UNIT)) / 1_000_000
    deadline = time.monotonic() + 30
    while float(systemd.run("cut -d' ' -f1 /proc/uptime")) < started + seconds:
        assert time.monotonic() < deadline


def words(plan: Plan) -> list[str]:
    """Everything that a plan says."""
    return [
        *(f"{one.path} {' '.join(one.attributes)} {one.because}" for one in (*plan.files, *plan.directories)),
        *(f"{name} {' '.join(verbs)}: {plan.setting_causes[name]}" for name, verbs in plan.settings.items()),
        *(f"{step.unit} {step.action}: {step.because}" for step in plan.steps),
        *(f"{one.name} {one.found} -> {one.expected}" for one in plan.probes),
        *(f"aside {one.path}" for one in plan.aside),
        *plan.warnings,
        *plan.refused,
    ]


def failing(systemd: Container, restart: str) -> dict[str, Any]:
    """Makes the unit end by itself, as a program with a fault does; returns the files as they are then."""
    text = TEXT.replace(
        "/bin/sleep infinity", f"/bin/false\nRestart={restart}\nRestartSec=0.1\nStartLimitIntervalSec=0"
    )
    text = text.replace("StartLimitIntervalSec=0\n", "").replace(
        "[Service]", "[Unit]\nStartLimitIntervalSec=0\n[Service]"
    )
    systemd.run(f"printf '%s' '{text}' >{FILE}; systemctl daemon-reload; systemctl restart {UNIT} || true")
    files: dict[str, Any] = WANTED["files"]
    return files | {FILE: {"content": text}}


def test_failed_unit_is_named(unit: Container) -> None:
    files = failing(unit, "no")
    wait_for(unit, f"systemctl is-failed {UNIT}", "failed")
    found, plan = plan_of(unit, files=files)
    assert found.units[UNIT].failed
    assert "it was found failed" in "\n".join(words(plan))


def test_crash_loop_is_named(unit: Container) -> None:
    files = failing(unit, "always")
    wait_for(unit, f"test $(systemctl show --property NRestarts --value {UNIT}) -ge 3 && echo many", "many")
    found, plan = plan_of(unit, files=files)
    assert found.units[UNIT].looping
    assert f"{UNIT} restart: it restarts again and again ({found.units[UNIT].restarts} times)" in words(plan)


def wait_for(systemd: Container, probe: str, answer: str) -> None:
    """Polls a command on the machine."""
    deadline = time.monotonic() + 30
    while systemd.run(f"{probe} || true").strip() != answer:
        assert time.monotonic() < deadline, probe


def test_note_of_a_start_decides_without_clocks(unit: Container) -> None:
    """A file touched after the start holds what the unit was started with: a run noted its checksum then."""
    wait_until_older(unit, 2)
    unit.run(f"touch {CONF}")
    _, plan = plan_of(unit)
    assert "it runs with files older than" in "\n".join(words(plan))
    unit.run(
        "mkdir -p /var/lib/plumbline/started\n"
        f"{{ systemctl show --property InvocationID --value {UNIT}; sha256sum {CONF}; }} >/var/lib/plumbline/started/{UNIT}"
    )
    try:
        assert plan_of(unit)[1].steps == ()
        unit.run(f"echo hand >{CONF}; touch -d '1 day ago' {CONF}")
        hand = wanted(unit, files=WANTED["files"] | {CONF: {"content": "hand\n"}})
        [step] = make_plan(read(unit, hand), hand).steps
        assert step.because == f"it runs with files older than {CONF}"
    finally:
        unit.run(f"rm -r /var/lib/plumbline/started; rmdir /var/lib/plumbline 2>/dev/null || true; touch {CONF}")


def test_directory_behind_a_symlink_is_the_directory(unit: Container) -> None:
    unit.run("mv /etc/seen /run/seen; ln -s /run/seen /etc/seen")
    try:
        found, plan = plan_of(unit)
        assert found.directories["/etc/seen"].link == "/run/seen"
        assert plan.empty
        unit.run("chmod 0700 /run/seen")
        assert words(plan_of(unit)[1])[0] == "/etc/seen mode it is a symlink to /run/seen"
    finally:
        unit.run("rm /etc/seen; mv /run/seen /etc/seen")


def test_secret_block_is_never_read_in_clear(unit: Container) -> None:
    unit.run("printf 'mine\\n# BEGIN plumbline\\nOldS3cretValue\\n# END plumbline\\n' >/etc/seen/hosts")
    state = wanted(unit, files={"/etc/seen/hosts": {"content": Secret("new"), "block": True}})
    found = read(unit, state)
    content = found.files["/etc/seen/hosts"].content
    assert isinstance(content, Secret)
    assert "OldS3cretValue" not in content.reveal()
    unit.run("sed -i s/OldS3cretValue/new/ /etc/seen/hosts")
    assert not make_plan(read(unit, state), state).files


def test_slow_probe_ends_at_its_limit(unit: Container) -> None:
    probes = {f"slow-{n}": {"command": "sleep 60", "expected": "", "unit": UNIT, "seconds": 1} for n in range(3)}
    began = time.monotonic()
    _, plan = plan_of(unit, probes=probes)
    assert time.monotonic() - began < 20
    assert [one.found for one in plan.probes] == ["(no answer within 1 s)"] * 3


@pytest.mark.parametrize("first", ["sleep 60", "echo busy; exit", "exit 7"])
def test_probe_with_another_answer_is_asked_again(unit: Container, first: str) -> None:
    command = f"mkdir /run/asked 2>/dev/null && {{ {first}; }}; echo fine"
    try:
        _, plan = plan_of(unit, probes={"late": {"command": command, "expected": "fine\n", "unit": UNIT, "seconds": 1}})
        assert unit.run("test -d /run/asked && echo asked").strip() == "asked"
        assert plan.empty
    finally:
        unit.run("rmdir /run/asked")


def test_owner_marks_hand_over_what_is_not_wanted(unit: Container) -> None:
    former = wanted(unit)
    without = wanted(unit, files={}, units={}, reactions=[], probes={})
    assert {one.path for one in make_plan(read(unit, without, former), without).files} == {FILE, CONF}
    unit.run(
        f"mkdir -p /var/lib/plumbline/owned; printf '%s\\n' {CONF} {FILE} {UNIT} >/var/lib/plumbline/owned/n1-other"
    )
    try:
        found = read(unit, without, former)
        assert found.handed_over == {CONF: "n1-other", FILE: "n1-other", UNIT: "n1-other"}
        assert make_plan(found, without).empty
    finally:
        unit.run("rm -r /var/lib/plumbline/owned; rmdir /var/lib/plumbline 2>/dev/null || true")
