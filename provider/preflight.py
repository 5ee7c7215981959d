"""Looks at all hosts at once, before anything is written to them: what each lacks, and what does not fit between them."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from nodestate import Connection
from provider.errors import NodeError
from provider.remote.shell import whole
from provider.ssh import SshPool

SECONDS = 60
"""For one host: its dials take 2 s, a disk that does not sync may take longer."""

SKEW_SECONDS = 60
"""A certificate that was issued now is not valid yet on a host whose clock is behind."""

NEAR = 16
"""A host dials the control plane, and so many hosts after it: all others of a small cluster, a bounded number in a large one.
Each host is dialled by as many. A firewall between parts of a cluster is found, one between two single hosts perhaps not."""

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True)
class Target:
    """One host. `variables` are those of its check, `ports` those that the other hosts must reach there."""

    connection: Connection = field(repr=False)
    address: str
    variables: str
    ports: tuple[int, ...] = ()

    def ssh_port(self) -> tuple[int, ...]:
        """The port of its sshd, if other nodes should reach that: not one that is on another network, or behind a bastion."""
        direct = self.connection.host == self.address and not self.connection.bastions
        return (self.connection.port,) if direct else ()

    def serves_all(self) -> bool:
        """Whether every node needs it: of a worker, only the kubelet's port must be reached."""
        return len(self.ports) > 1


@dataclass(frozen=True)
class Finding:
    """One line of the result: what was found on a node, what is needed, and what to do where `status` is not ok. `about` are
    the other nodes that it is about, too."""

    node: str
    status: str
    check: str
    found: str
    needed: str = ""
    remedy: str = ""
    about: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.node}: {self.check}: {self.found}; needed: {self.needed}: {self.remedy}"


@dataclass
class _Report:
    findings: list[Finding] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    dials: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    skew: float | None = None


@dataclass(frozen=True)
class Result:
    """The findings of all hosts. `fresh` are the hosts on which none of the program's units is there yet."""

    findings: tuple[Finding, ...]
    fresh: frozenset[str]
    silent: Mapping[str, str]

    def failures(self, of: Sequence[str]) -> list[Finding]:
        """The findings that keep these hosts from being used: none on a host that already has units of the program."""
        new = self.fresh & {*of}
        return [one for one in self.findings if one.status == FAIL and new & {one.node, *one.about}]


async def examine(
    targets: Mapping[str, Target], script: str, pool: SshPool, ask: Sequence[str] | None = None
) -> Result:
    """Runs the check on the hosts `ask` (all by default) in parallel, each dialling its peers. Never raises NodeError:
    a host that cannot be reached is in `silent`, with the reason."""
    names = list(targets if ask is None else ask)
    reports = dict(
        zip(names, await asyncio.gather(*[_report(name, targets, script, pool) for name in names]), strict=True)
    )
    silent = {name: report for name, report in reports.items() if isinstance(report, str)}
    found = {name: report for name, report in reports.items() if isinstance(report, _Report)}
    findings = [finding for report in found.values() for finding in report.findings]
    findings += [Finding(name, FAIL, "ssh", reason, "a login", "see the message") for name, reason in silent.items()]
    findings += [*_clocks(found), *_machines(found), *_mtus(found), *_dials(found, targets, silent)]
    fresh = frozenset(name for name, report in found.items() if report.facts.get("fresh") == "yes")
    findings.sort(key=lambda one: names.index(one.node))
    return Result(tuple(findings), fresh, silent)


def peers_of(name: str, targets: Mapping[str, Target]) -> dict[str, Target]:
    """The hosts that a host dials."""
    names = list(targets)
    place = names.index(name)
    near = {*(names[place + 1 :] + names[:place])[:NEAR]}
    return {other: one for other, one in targets.items() if other in near or (one.serves_all() and other != name)}


async def _report(name: str, targets: Mapping[str, Target], script: str, pool: SshPool) -> _Report | str:
    """The report of one host; the reason, if it cannot be reached."""
    target = targets[name]
    session = pool.session(name, target.connection)
    peers = " ".join(
        f"{other}={one.address}:{','.join(map(str, (*one.ssh_port(), *one.ports)))}"
        for other, one in peers_of(name, targets).items()
    )
    text = f"{target.variables}peers={shlex.quote(peers)}\n{script}"
    try:
        await session.reach()
        begun = time.time()
        done = await session.run("preflight", whole([f"( set +e\n{text}\n)"]), hiding=(), seconds=SECONDS)
    except NodeError as error:
        return str(error).removeprefix(f"{name}: ")
    report = _Report()
    for line in done.report.splitlines():
        kind, *words = line.split("\t")
        if kind == "check" and len(words) == 5:
            report.findings.append(Finding(name, words[0], words[1], words[2], words[3], words[4]))
        elif kind == "fact" and len(words) == 2:
            report.facts[words[0]] = words[1]
        elif kind == "dial" and len(words) == 3:
            report.dials[words[0]][words[1]] = words[2]
    if (clock := report.facts.get("clock", "")).isdigit():
        # The host printed it between these two moments; it has whole seconds.
        ahead, behind = float(clock) - time.time(), begun - float(clock) - 1
        report.skew = ahead if ahead > 0 else -behind if behind > 0 else 0.0
    return report


def _clocks(found: Mapping[str, _Report]) -> list[Finding]:
    findings = []
    for name, report in found.items():
        if report.skew is None:
            continue
        bad = abs(report.skew) > SKEW_SECONDS
        text = f"{abs(report.skew):.0f} s {'ahead of' if report.skew > 0 else 'behind'} this computer"
        remedy = "synchronize its clock (timedatectl set-ntp true), or this computer's" if bad else ""
        findings.append(Finding(name, FAIL if bad else OK, "clock", text, f"at most {SKEW_SECONDS} s", remedy))
    return findings


def _machines(found: Mapping[str, _Report]) -> list[Finding]:
    owners = defaultdict(list)
    for name, report in found.items():
        owners[report.facts.get("machine", "")].append(name)
    findings = []
    for machine, names in owners.items():
        for name in names:
            others = [other for other in names if other != name]
            if not machine:
                text, remedy = "no /etc/machine-id", "systemd-machine-id-setup"
            else:
                text = f"the same as {', '.join(others)}" if others else machine
                remedy = "rm /etc/machine-id; systemd-machine-id-setup; reboot: the hosts are copies of one image"
            bad = not machine or bool(others)
            findings.append(
                Finding(name, FAIL if bad else OK, "machine-id", text, "a unique one", remedy if bad else "")
            )
    return findings


def _mtus(found: Mapping[str, _Report]) -> list[Finding]:
    known = {name: report.facts["mtu"] for name, report in found.items() if report.facts.get("mtu")}
    if not known:
        return []
    [(usual, _)] = Counter(known.values()).most_common(1)
    return [
        Finding(name, OK, "mtu", mtu, usual)
        if mtu == usual
        else Finding(
            name,
            FAIL,
            "mtu",
            mtu,
            f"{usual}, as most nodes have",
            f"ip link set the interface's mtu to {usual}, for good too",
        )
        for name, mtu in known.items()
    ]


def _dials(found: Mapping[str, _Report], targets: Mapping[str, Target], down: Collection[str]) -> list[Finding]:
    """The ports that nodes cannot reach. A node that SSH does not reach either is down: that is no firewall, and a warning."""
    findings = []
    remedy = "start the node, or open the ports in the firewall between them, also of the cloud's network"
    for name, report in found.items():
        blocked: dict[str, str] = {}
        for other, ports in report.dials.items():
            silent = [port for port, result in ports.items() if result == "silent"]
            if silent:
                called = "any port" if len(silent) == len(ports) else f"port {', '.join(sorted(silent, key=int))}"
                blocked[other] = f"{called} of {other} ({targets[other].address})"
        for status, others in ((FAIL, blocked.keys() - {*down}), (WARN, blocked.keys() & {*down})):
            if others:
                text = f"no answer from {'; '.join(blocked[other] for other in sorted(others))}"
                findings.append(Finding(name, status, "reach", text, "open or refused", remedy, frozenset(others)))
        if report.dials and not blocked:
            findings.append(Finding(name, OK, "reach", f"{len(report.dials)} other nodes", "open or refused"))
    return findings
