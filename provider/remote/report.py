"""The read protocol: one script asks for all paths, units and journals of a node, and prints a report.

Each line is a kind and its fields, tabbed; unknown kinds are ignored. `TEXT` is base64.

    found KIND MODE OWNER GROUP UID GID PATH   what is at an expected path; nothing if there is nothing
    same PATH                                  a file with the stamp it was installed with: it is the expected one
    sum SHA256 PATH                            any other regular file that was expected
    text PATH TEXT                             a public file that is not as expected, up to paths.SHOWN_BYTES
    block PATH TEXT                            the lines of a block
    unit PROPERTY=VALUE                        a property of a unit; `unit` alone separates two units
    pending COMPONENT ACTION UNIT              a reaction that a broken run left to do
    pending COMPONENT tidy                     an interrupted run left staged files
    end                                        the report is complete
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from provider.remote import blocks, journal, paths, units
from provider.remote.paths import ExpectedFile, FoundPath
from provider.remote.shell import HOME, call, whole

START = r"""
LC_ALL=C
export LC_ALL
tab=$(printf '\t')
"""


class MalformedReport(ValueError):
    """A line that is not of the protocol, or a report that ended early. The text names no more than the kind of line."""


@dataclass
class Report:
    """The parsed output of a node: paths, blocks, units by the name they were asked for by, journals by component."""

    found: dict[str, FoundPath] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, str] = field(default_factory=dict)
    units: dict[str, dict[str, str]] = field(default_factory=dict)
    pending: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def read_script(
    files: Mapping[str, ExpectedFile], directories: Sequence[str], named: Sequence[str], components: Sequence[str]
) -> str:
    """Prints the report of these files, directories, units and components."""
    lines = [f"home={HOME}", START, paths.READ, blocks.READ, units.READ, journal.READ]
    lines += [blocks.report(path) if file.block else paths.expect_file(path, file) for path, file in files.items()]
    lines += [paths.expect_directory(path) for path in directories]
    lines.append("report_paths")
    if named:
        lines.append(call("report_units", *named))
    return whole([*lines, journal.report(components), "echo end"])


def parse(printed: str, files: Mapping[str, ExpectedFile], named: Sequence[str]) -> Report:
    """The report of a node that was asked for these files and units. Raises MalformedReport."""
    report = Report()
    properties: list[dict[str, str]] = [{}]
    complete = False
    for line in printed.splitlines():
        kind, *fields = line.split("\t")
        try:
            match kind:
                case "found":
                    *described, path = fields
                    report.found[path] = FoundPath(*described)
                case "same":
                    [path] = fields
                    report.sums[path] = files[path].sha256
                case "sum":
                    checksum, path = fields
                    report.sums[path] = checksum
                case "text":
                    path, text = fields
                    report.texts[path] = text
                case "block":
                    path, text = fields
                    report.blocks[path] = text
                case "unit":
                    name, equals, value = "\t".join(fields).partition("=")
                    if equals:
                        properties[-1][name] = value
                    else:
                        properties.append({})
                case "pending":
                    component, left = fields
                    report.pending[component].append(left)
                case "end":
                    complete = True
        except (ValueError, TypeError, KeyError):
            raise MalformedReport(f"printed a malformed `{kind}` line") from None
    described_units = [one for one in properties if one]
    if not complete or len(described_units) != len(named):
        raise MalformedReport("ended early")
    # In the order asked for: a unit asked for by an alias is printed under its own name.
    report.units = dict(zip(named, described_units, strict=True))
    return report
