"""The read protocol: one script asks for all paths, units and journals of a node, and prints a report.

Each line is a kind and its fields, tabbed; unknown kinds are ignored. `TEXT` is base64.

    node MACHINE EPOCH UPTIME REBOOT           /etc/machine-id, seconds since 1970, seconds since boot, file of a required reboot
    found KIND MODE OWNER GROUP UID GID MTIME PATH   what is at a path; nothing if there is nothing
    link PATH TARGET                           a symlink, and where it leads
    target KIND MODE OWNER GROUP UID GID MTIME PATH   the directory that a symlink leads to
    label LABEL PATH                           an SELinux label that is not the policy's
    same PATH                                  a file with the stamp it was installed with: it is the expected one
    sum SHA256 PATH                            any other regular file that was expected
    text PATH TEXT                             a public file that is not as expected, up to paths.SHOWN_BYTES
    block PATH TEXT                            the lines of a public block
    blocksum PATH SHA256                       the checksum of a secret block's lines
    broken PATH                                a block without its end mark
    entry PATH                                 an entry of a directory whose foreign entries matter
    unit PROPERTY=VALUE                        a property of a unit; `unit` alone separates two units
    unitlink PATH TARGET                       a symlink in systemd's folders below /etc and /run
    dropin PATH                                a drop-in there
    marked COMPONENT                           a component with a list of owner marks
    owned COMPONENT ITEM                       an owner mark: a path or a unit
    whole COMPONENT PATH                       a mark that nobody asked about is of a whole file
    stack COMPONENT STACK                      the stack that declared a component; ` hooks` follows if it has pre-delete hooks
    started UNIT INVOCATION                    the invocation of a unit that a run started
    startsum UNIT SHA256 PATH                  one of the files that this invocation started with
    journal COMPONENT ACT FIELD...             a line of the journal of a broken run
    journal COMPONENT unswapped PATH           that path is still as it was before
    journal COMPONENT earlier ACTION UNIT      a unit that has not reacted since a broken run of an earlier version
    journal COMPONENT earlier tidy             such a run left something
    left UNIT ACTIVE ENABLED                   a unit that a broken run started or set, or that is only marked, in systemd's words
    probe COMPONENT NAME STATUS TEXT           the output of a probe
    end                                        the report is complete
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nodestate import Probe
from provider.observed import JournalEntry
from provider.remote import read_journal, read_paths, read_units
from provider.remote.paths import ExpectedFile, FoundPath
from provider.remote.shell import HOME, call, whole

START = r"""
LC_ALL=C
export LC_ALL
tab=$(printf '\t')
"""


class MalformedReport(ValueError):
    """A line that is not of the protocol, or a report that ended early. The text names no more than the kind of line."""


@dataclass(frozen=True)
class Questions:
    """Everything that one read asks for: files, paths of which the shape is enough, directories whose entries matter,
    units, components, and probes by component. Of components in `created`, the node may have nothing yet."""

    files: Mapping[str, ExpectedFile]
    paths: Sequence[str] = ()
    folders: Sequence[str] = ()
    units: Sequence[str] = ()
    components: Sequence[str] = ()
    probes: Mapping[str, Mapping[str, Probe]] = field(default_factory=dict)
    created: Sequence[str] = ()


@dataclass
class Report:
    """The parsed output of a node: paths, blocks, units by the name they were asked for by, journals by component."""

    machine: str | None = None
    epoch: int | None = None
    uptime: float | None = None
    reboot: str = ""
    found: dict[str, FoundPath] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    targets: dict[str, FoundPath] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, str] = field(default_factory=dict)
    block_sums: dict[str, str] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    entries: list[str] = field(default_factory=list)
    units: dict[str, dict[str, str]] = field(default_factory=dict)
    unit_links: dict[str, str] = field(default_factory=dict)
    drop_ins: list[str] = field(default_factory=list)
    owners: dict[str, set[str]] = field(default_factory=dict)
    """By component: the paths and units that it owns."""

    wholes: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    stacks: dict[str, str] = field(default_factory=dict)
    invocations: dict[str, str] = field(default_factory=dict)
    started_with: defaultdict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    journal: defaultdict[str, list[JournalEntry]] = field(default_factory=lambda: defaultdict(list))
    left: dict[str, tuple[str, str]] = field(default_factory=dict)
    probes: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)

    def add(self, kind: str, fields: list[str], files: Mapping[str, ExpectedFile]) -> None:
        """Adds one line of a known kind. Raises ValueError, TypeError or KeyError if it is malformed."""
        match kind:
            case "node":
                machine, epoch, uptime, self.reboot = fields
                self.machine, self.epoch, self.uptime = machine or None, int(epoch), float(uptime)
            case "found" | "target":
                *described, path = fields
                if not path.startswith("/"):
                    raise ValueError(path)
                (self.found if kind == "found" else self.targets)[path] = FoundPath(*described)
            case "same":
                [path] = fields
                self.sums[path] = files[path].sha256
            case "sum" | "label":
                value, path = fields
                (self.sums if kind == "sum" else self.labels)[path] = value
            case "link" | "text" | "block" | "blocksum" | "unitlink":
                path, value = fields
                self._by_path(kind)[path] = value
            case "broken":
                [path] = fields
                self.broken.add(path)
            case "entry" | "dropin":
                [path] = fields
                (self.entries if kind == "entry" else self.drop_ins).append(path)
            case "marked":
                [component] = fields
                self.owners.setdefault(component, set())
            case "owned":
                component, item = fields
                self.owners.setdefault(component, set()).add(item)
            case "whole":
                component, path = fields
                self.wholes[component].add(path)
            case "stack":
                component, text = fields
                self.stacks[component] = text
            case "started":
                unit, invocation = fields
                self.invocations[unit] = invocation
            case "startsum":
                unit, checksum, path = fields
                self.started_with[unit][path] = checksum
            case "journal":
                component, act, *rest = fields
                self.journal[component].append(read_journal.entry(act, *rest))
            case "left":
                unit, active, enabled = fields
                self.left[unit] = active, enabled
            case "probe":
                component, name, status, text = fields
                self.probes[component, name] = int(status), text

    def _by_path(self, kind: str) -> dict[str, str]:
        return {
            "link": self.links,
            "text": self.texts,
            "block": self.blocks,
            "blocksum": self.block_sums,
            "unitlink": self.unit_links,
        }[kind]


def read_script(asked: Questions) -> str:
    """Prints the report that answers these questions."""
    lines = [f"home={HOME}", START, read_paths.READ, read_units.READ, read_journal.READ, "report_node"]
    probes = [(component, name, probe) for component, named in asked.probes.items() for name, probe in named.items()]
    for number, (component, name, probe) in enumerate(probes, start=1):
        asking = (component, name, str(probe.seconds), probe.command, probe.expected.rstrip("\n"))
        run = "run_new_probe" if component in asked.created else "run_probe"
        lines.append(f'probe_{number}() {{ {call(run, str(number), *asking)} "$@"; }}')
    lines.append(call("start_probes", str(len(probes))))
    lines += [read_journal.report(asked.components), "report_notes"]
    lines += [read_paths.expect_file(path, file) for path, file in asked.files.items()]
    lines += [read_paths.expect_path(path) for path in asked.paths]
    lines += [call("report_marked", " ".join(asked.units), *asked.components), "report_paths"]
    if asked.folders:
        lines.append(call("report_entries", *asked.folders))
    if asked.units:
        lines.append(call("report_units", *asked.units))
    return whole([*lines, "report_probes", "echo end"])


def parse(printed: str, asked: Questions) -> Report:
    """The report of a node that was asked these questions. Raises MalformedReport."""
    report = Report()
    properties: list[dict[str, str]] = [{}]
    complete = False
    for line in printed.split("\n"):
        kind, *fields = line.split("\t")
        if kind == "unit":
            name, equals, value = "\t".join(fields).partition("=")
            if equals:
                properties[-1][name] = value
            else:
                properties.append({})
            continue
        complete = complete or kind == "end"
        try:
            report.add(kind, fields, asked.files)
        except (ValueError, TypeError, KeyError):
            raise MalformedReport(f"printed a malformed `{kind}` line") from None
    described_units = [one for one in properties if one]
    if not complete or len(described_units) != len(asked.units):
        raise MalformedReport("ended early")
    # In the order asked for: a unit asked for by an alias is printed under its own name.
    report.units = dict(zip(asked.units, described_units, strict=True))
    return report
