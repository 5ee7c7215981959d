"""From the report of a node to the state of each request: pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from nodestate import Directory, File, Foreign, NodeStateInputs, Probe, Reaction, Secret, Text, Unit
from nodestate.secret import known_text, sha256
from provider.handover import names
from provider.left import NOT_READ, left_paths, left_reactions, left_units
from provider.observed import Installed, Observed, ObservedDirectory, ObservedFile, ObservedUnit
from provider.remote.paths import ExpectedFile, FoundPath, decoded
from provider.remote.report import Questions, Report
from provider.unit_state import Context, observed_unit

SKEW_SECONDS = 60
"""A clock that differs by more is named: certificates and leases depend on it."""

TIMED_OUT = 124
"""The status of timeout(1) for a command that it ended."""


@dataclass(frozen=True)
class Request:
    """One NodeState to read: what is `wanted`, and `former`, the state as it is stored, if any: what of it is not wanted any
    more is read, too. `component` names its journal and its owner marks; `installed` are its downloads by path as they were
    when they were installed. `created`: the stack has no state of it yet."""

    wanted: NodeStateInputs
    component: str
    installed: Mapping[str, Installed]
    former: NodeStateInputs | None = None
    created: bool = False

    @property
    def files(self) -> dict[str, File]:
        """All files that are read. What a lost run left is found again by the node's own notes (left.py)."""
        former = self.former.files if self.former is not None else {}
        former = {path: one for path, one in former.items() if one.content != NOT_READ}
        return {
            path: one for path, one in {**former, **self.wanted.files}.items() if path not in self.wanted.directories
        }

    @property
    def directories(self) -> dict[str, Directory]:
        """All directories that are read."""
        former = self.former.directories if self.former is not None else {}
        return {path: one for path, one in {**former, **self.wanted.directories}.items() if path not in self.files}

    @property
    def units(self) -> dict[str, Unit]:
        """All units that are read."""
        former = self.former.units if self.former is not None else {}
        return {**former, **self.wanted.units}

    @property
    def paths(self) -> frozenset[str]:
        """All paths that are read."""
        return frozenset(self.files.keys() | self.directories.keys())


def questions(requests: Sequence[Request]) -> Questions:
    """Everything that one read asks for these requests."""
    return Questions(
        files={
            path: expected_file(file, request.installed.get(path))
            for request in requests
            for path, file in request.files.items()
        },
        paths=[path for request in requests for path in request.directories],
        folders=[
            path
            for request in requests
            for path, one in request.wanted.directories.items()
            if one.foreign != Foreign.IGNORED
        ],
        units=list(dict.fromkeys(unit for request in requests for unit in request.units)),
        components=[request.component for request in requests],
        probes={request.component: request.wanted.probes for request in requests},
        created=[request.component for request in requests if request.created],
    )


def expected_file(file: File, known: Installed | None) -> ExpectedFile:
    """How a wanted file should be on the node; `known` is its download as it was installed."""
    secret = isinstance(file.content, Secret)
    if file.source is None:
        text = known_text(file.content)
        if text is not None and file.block:
            text = block_text(text)
        return ExpectedFile("" if text is None else sha256(text), secret, block=file.block)
    if known is not None and known.identity == file.source.identity:
        return ExpectedFile(known.sha256, stamp=known.stamp)
    # The checksum of an archive's member is known only after it was extracted once.
    return ExpectedFile("" if file.source.extract else file.source.sha256)


def block_text(text: str) -> str:
    """The lines of a block: one line end after the last, whether it was given or not."""
    return f"{text.rstrip(chr(10))}\n"


def observed_state(
    report: Report,
    request: Request,
    expected: Mapping[str, ExpectedFile],
    declared: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Observed:
    """The state of one request from the report of all. `declared`: by component, the paths that it declares on this node."""
    wanted = request.wanted
    others = {
        item: component
        for component, items in report.owners.items()
        if component != request.component
        for item in items
    }
    ours = wanted.files.keys() | wanted.directories.keys() | wanted.units.keys()
    entries = tuple(report.journal[request.component])
    own_marks = report.owners.get(request.component, set())
    # Before the run that broke, if one did: what that run claimed may be a file of others.
    owned = own_marks - {one.subject for one in entries if one.act == "claimed"}
    others_declare = {path for name, paths in declared.items() if name != request.component for path in paths}
    others_declare |= names(wanted.declared_elsewhere or {})
    all_declared = {*request.paths, *others, *own_marks, *others_declare}
    unknown = owned - request.paths - request.units.keys() - others_declare
    left = left_paths(entries, request, owned, unknown, report)
    files: dict[str, ObservedFile] = {}
    for path, one in request.files.items():
        found = _block(one, path, request, report, expected) if one.block else _found(one, path, report, expected[path])
        if found is not None:
            files[path] = found
    directories = dict(_directories(request, report, all_declared | left.keys()))
    for path, found_left in left.items():
        if isinstance(found_left, ObservedFile):
            files[path] = found_left
        else:
            directories[path] = found_left
    context = Context(report, wanted, all_declared | left.keys(), report.sums)
    units = {name: observed_unit(name, unit, context) for name, unit in request.units.items()}
    units |= left_units(entries, owned, unknown, left, units, report)
    gone = {item: component for item, component in others.items() if item not in ours}
    handed_over = {
        item: gone[item] for item in sorted(gone.keys() & (files.keys() | directories.keys() | units.keys()))
    }
    return Observed.of(
        wanted,
        files={path: one for path, one in files.items() if path not in gone},
        directories={path: one for path, one in directories.items() if path not in gone},
        units={name: unit for name, unit in units.items() if unit is not None and name not in gone},
        probes=dict(_probes(request, report)),
        journal=entries,
        handed_over=handed_over,
        unmarked=request.component not in report.owners,
        machine=report.machine,
        reboot=report.reboot,
        notes=tuple(_notes(request, report, units)),
        installed=request.installed,
        reactions=(*_reactions(request), *left_reactions(left, report)),
        left=tuple(sorted(left)),
        stacks=report.stacks,
        owned={component: tuple(sorted(items)) for component, items in report.owners.items()},
    )


def _notes(request: Request, report: Report, units: Mapping[str, ObservedUnit | None]) -> Iterator[str]:
    former = request.former if isinstance(request.former, Observed) else None
    if former is not None and former.machine and report.machine and former.machine != report.machine:
        yield f"another machine answers: its /etc/machine-id is {report.machine}, not {former.machine}"
    for name, unit in sorted(units.items()):
        before = former.units.get(name) if former is not None else None
        if unit is not None and not unit.looping and before is not None and unit.restarts > before.restarts:
            times = "once" if unit.restarts == 1 else f"{unit.restarts} times"
            yield f"{name} ended by itself: systemd has restarted it {times} since it was started"


def _reactions(request: Request) -> Sequence[Reaction]:
    """The reactions of the stored state: those of a removed file may be removed with it."""
    return request.wanted.reactions if request.former is None else request.former.reactions


def _found(wanted: File, path: str, report: Report, expected: ExpectedFile) -> ObservedFile | None:
    found = report.found.get(path)
    if found is None:
        return None
    checksum = report.sums.get(path)
    if checksum is None:
        return _obstacle(wanted, _kind(path, found, report))
    owner, group = found.owners(wanted)
    shape = _shaped(wanted, mode=found.mode, owner=owner, group=group, label=report.labels.get(path))
    if checksum == expected.sha256:
        return shape
    if wanted.source is not None:
        return replace(shape, source=replace(wanted.source, sha256=checksum))
    text = report.texts.get(path)
    if isinstance(wanted.content, Secret) or text is None:
        return replace(shape, content=_marked(wanted, f"(other content, sha256 {checksum})"))
    return replace(shape, content=decoded(text, f"(not text, sha256 {checksum})"))


def _block(
    wanted: File, path: str, request: Request, report: Report, expected: Mapping[str, ExpectedFile]
) -> ObservedFile | None:
    if path in report.broken:
        return _obstacle(wanted, BROKEN)
    if path in report.blocks:
        text = decoded(report.blocks[path], "(not text)")
        same = sha256(text) == expected[path].sha256
        return _shaped(wanted, content=wanted.content if same else _marked(wanted, text))
    if path in report.block_sums:
        checksum = report.block_sums[path]
        shown = wanted.content if checksum == expected[path].sha256 else Secret(f"(other lines, sha256 {checksum})")
        return _shaped(wanted, content=shown)
    found, former = report.found.get(path), request.former.files.get(path) if request.former is not None else None
    if found is not None and former is not None and not former.block:
        return _shaped(former, mode=found.mode)  # a whole file of ours until now
    # Without lines there are no marks either.
    return _shaped(wanted) if known_text(wanted.content) == "" else None


BROKEN = "block without its end mark"


def _kind(path: str, found: FoundPath, report: Report) -> str:
    if path not in report.links:
        return found.kind
    return f"symlink to {report.links[path]}"


def _shaped(wanted: File, **found: Any) -> ObservedFile:
    known = {one.name: getattr(wanted, one.name) for one in fields(File)}
    return ObservedFile(**known | found)


def _obstacle(wanted: File, kind: str) -> ObservedFile:
    """A path at which there is no regular file."""
    content = None if wanted.content is None else _marked(wanted, f"(a {kind})")
    source = replace(wanted.source, sha256=f"(a {kind})") if wanted.source else None
    return _shaped(wanted, content=content, source=source, kind=kind)


def _marked(wanted: File, text: str) -> Text:
    return Secret(text) if isinstance(wanted.content, Secret) else text


def _directories(
    request: Request, report: Report, declared: Collection[str]
) -> Iterator[tuple[str, ObservedDirectory]]:
    for path, one in request.directories.items():
        found = report.targets.get(path) or report.found.get(path)
        if found is None:
            continue
        owner, group = found.owners(one)
        if found.kind != "directory":
            shape = (one.mode, one.owner, one.group, one.foreign, one.known)
            yield path, ObservedDirectory(*shape, kind=_kind(path, found, report))
            continue
        inside = _foreign_entries(path, report, {*declared, *one.known}) if one.foreign != Foreign.IGNORED else ()
        yield (
            path,
            ObservedDirectory(
                found.mode,
                owner,
                group,
                one.foreign,
                one.known,
                label=report.labels.get(path),
                link=report.links.get(path),
                entries=inside,
            ),
        )


def _foreign_entries(path: str, report: Report, declared: Collection[str]) -> tuple[str, ...]:
    inside = [one for one in report.entries if one.rpartition("/")[0] == path]
    return tuple(
        sorted(one for one in inside if not any(other == one or other.startswith(f"{one}/") for other in declared))
    )


def _probes(request: Request, report: Report) -> Iterator[tuple[str, Probe]]:
    """The declared probes, with what was found in place of what is expected."""
    for name, probe in request.wanted.probes.items():
        if (request.component, name) not in report.probes:
            continue
        status, output = report.probes[request.component, name]
        text = decoded(output, "(not text)").removesuffix("\n")
        if status == TIMED_OUT:
            text = f"(no answer within {probe.seconds} s)"
        elif status != 0:
            text = f"{text} (exit status {status})".lstrip()
        same = text == probe.expected.removesuffix("\n")
        yield name, probe if same else replace(probe, expected=text)
