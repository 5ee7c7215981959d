"""The words of docs/style.md, as far as a search finds them without false alarms, in every tracked text file."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

NOT_OURS = re.compile(
    r"LICENSE|docs/assets/vendor/.*|.*(go\.sum|go\.mod|requirements[^/]*\.txt|\.svg)|(?!tests/golden/).*\.json"
)
"""Text of others, or generated."""

SPELLS_THEM = ("docs/style.md", "tests/unit/test_style.py")
"""The two files that list the words."""


@dataclass(frozen=True)
class Habit:
    """A pattern to avoid, an example that it must find, and the better wording.

    `allowed` are path prefixes in which it is right. Patterns ignore case and see underscores as spaces.
    """

    pattern: str
    example: str
    better: str
    allowed: tuple[str, ...] = ()


def _literal(word: str) -> str:
    """A word that is not itself a quoted name, such as the accepted role `master`."""
    return rf"(?<![\w:/\"'`-]){word}(?![\w\"'`-])"


ONES = "component|connection|round trip|certificate|reaction|resource|identity|command|folder|column|slot|line|unit|file|row|key"
EACHES = "component|machine|member|stack|group|node|host|unit|file|leaf|set|run"

FORMER_KEYS = (
    "CHANGELOG.md",
    "cluster/config/",
    "docs/reference/configuration.md",
    "tests/unit/cluster/config/test_load.py",
)
"""The files with former configuration keys: their declarations, the generated page, and the test of their refusal."""

FORMER_WIRE = ("tests/unit/nodestate/test_checks.py", "tests/unit/provider/test_diff.py")
"""The tests of the refusal of inputs with former wire keys."""

FORECAST_CHECK = (
    "tests/forecast/__main__.py",
    "tests/provider/test_forecast.py",
    "docs/concepts/forecast.md",
    "CONTRIBUTING.md",
)
"""The files with the last line of the forecast check."""

HABITS = (
    # Distributive "a".
    Habit(rf"\b(?:{ONES}) an? (?:{EACHES})\b(?! (?:of|with|that|to))", "one pinned host key a node", "per"),
    # Persons for machines and programs.
    Habit(r"\bwhom\b|\bwho(?:m|so)?ever\b", "the node whom it serves", "which, any program that"),
    # Verbs that have a plain form.
    Habit(r"\bstands\b|\bstood\b", "what stands at each path", "is, was, exists"),
    Habit(r"\blies?\b|\blain\b", "must lie outside it", "is, be"),
    Habit(r"\b(?:go|goes|went|going) by\b", "nodes go by /etc/hosts", "use, follow"),
    Habit(r"\bto be had\b", "the latest that is to be had", "available"),
    Habit(r"\b(?:is|are|was|were|been) through\b", "wait until it is through", "has finished"),
    Habit(r"\b(?:is|are|was|were) to be\b", "as it is to be", "will be, should be"),
    Habit(r"\b(?:is|are|was|were) there already\b", "hosts that are there already", "exists, existing"),
    # Old words.
    Habit(r"\banew\b", "installed anew", "again"),
    Habit(r"\bbesides\b", "what it needs besides", "also, in addition"),
    Habit(r"\bmend(?:s|ed|ing)?\b", "mend that, then run it again", "fix"),
    Habit(r"\b(?:puts?|putting|sets?|setting) right\b", "drift is put right", "repair"),
    Habit(r"\bdeeds?\b", "for forecast and deed alike", "update", FORECAST_CHECK),
    Habit(r"\bof (?:its|their|his|one'?s|our|your|my) own\b", "a key of its own", "own"),
    Habit(r"\b(?:kept|keeps?|keeping)(?: \w+)? true\b", "keeps it true", "in sync"),
    Habit(r"\bfor ever\b", "would run for ever", "forever, run on"),
    Habit(r"\btakes? offence\b|\bslips? of the pen\b", "no shell takes offence", "the fact"),
    # "What ..." as a subject: docstrings and comments of code, not headings of Markdown.
    Habit(r'(?:"""|(?<!#)# |// )What\b', '"""What a node must hold."""', "a verb or a noun phrase", ("docs/", "README")),
    # Private words.
    Habit(_literal("concerns?"), "each concern of a node", "component"),
    Habit(_literal("strangers?"), "class Stranger", "HostKeyMismatch, another machine"),
    Habit(r"\bforesee(?:s|n|ing)?\b", "foresee the change", "preview check"),
    Habit(_literal("unseen"), "unseen lines", "comment diff, not shown"),
    Habit(r"\bgiven script\b", "given_script(text)", "user_script"),
    Habit(r"\bsay\(", "await say(line)", "log("),
    Habit(r"\bpassing=", "say(line, passing=True)", "ephemeral="),
    Habit(r"\bowed\b|\bowes\b|\bowe\b", "what a broken run owed", "the journal"),
    Habit(r"\bstaged notes?\b", "a staged note", "the journal"),
    Habit(_literal("guards?"), "the guard of the group", "health check", (*FORMER_WIRE, "tests/provider/test_former_state.py")),
    Habit(r"\b(?:takes?|took|taking|waits? for) (?:a|its|the|their|no) turns?\b", "takes its turn", "slot"),
    Habit(r"\bturns? (?:among|in (?:its|their|the) group)\b", "turns among nodes", "slot"),
    Habit(r"\bdisturb(?:s|ed|ing)?\b", "disturbs a unit", "disrupt, disruptive"),
    Habit(r"\brights\b", "applies the rights", "RBAC"),
    Habit(r"\bthe store\b|\bstore's\b", "the store of the cluster", "etcd"),
    Habit(r"(?<!certificate[ -])(?<!@cert-)\bauthorit(?:y|ies)\b", "the authority's key", "CA"),
    Habit(rf"{_literal('administrators?')}(?!-)", "an administrator may", "admin"),
    Habit(rf"(?<!role: ){_literal('masters?')}", "the third master", "control-plane node", ("cluster/classic/", "templates/classic/", "tests/golden/classic/")),
    # Former names.
    Habit(_literal("atOnce"), "rollout.atOnce: 2", "maxUnavailable", ("CHANGELOG.md", *FORMER_WIRE)),
    Habit(_literal("apiName"), "kubernetes.apiName is", "internalEndpoint", FORMER_KEYS),
    Habit(r"\bnetwork\.(?:mode|pods|services|dns)\b", "set network.mode", "network.cni, podCIDR, serviceCIDR, clusterDNS", FORMER_KEYS),
    Habit(r"\bkubernetes\.endpoint\b", "kubernetes.endpoint", "kubernetes.controlPlaneEndpoint", FORMER_KEYS),
    Habit(r"\bnodes\.(?:<\w+>|\w+)\.pods\b", "nodes.<name>.pods", "nodes.<name>.podCIDR", FORMER_KEYS),
)  # fmt: skip


def hits(path: str, text: str) -> list[str]:
    """One line per finding, as `path:line: found: better`."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.replace("_", " ")
        for habit in HABITS:
            if path.startswith(habit.allowed):
                continue
            if match := re.search(habit.pattern, plain, re.IGNORECASE):
                found.append(f"{path}:{number}: '{match.group(0)}': write {habit.better}")
    return found


def tracked() -> list[str]:
    """Every text file that git tracks and that is written here."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    names = [name for name in listed.decode().split("\0") if name and name not in SPELLS_THEM]
    return [name for name in names if not NOT_OURS.fullmatch(name) and (ROOT / name).is_file()]


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.better)
def test_habit_finds_its_example(habit: Habit) -> None:
    assert any(line.endswith(f"write {habit.better}") for line in hits("some/file.py", habit.example))


def test_tracked_files_use_plain_words() -> None:
    names = tracked()
    assert "README.md" in names
    found = []
    for name in names:
        try:
            text = (ROOT / name).read_text()
        except UnicodeDecodeError:
            continue
        found += hits(name, text)
    assert not found, f"{len(found)} findings (docs/style.md):\n" + "\n".join(found)
