"""How a script is put together: quoted calls of sh functions, in one group of commands.

A shell runs a group only once it has read all of it: a connection that breaks half-way leaves no half of a command.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable

quoted = shlex.quote

HOME = "/var/lib/plumbline"
"""On each node: the journal of a change under way, and the files it replaces (journal.py)."""

TOOLS = {
    "awk": "[ \"$(printf 'a\\tb\\n' | awk -F'\\t' '($1 in x) == 0 { print $2 }')\" = b ]",
    "base64 -w0": '[ "$(printf %s 0123456789012345678901234567890123456789012345678901234567890 | base64 -w0 | wc -c)" -eq 84 ]',
    "base64 -d": '[ "$(printf %s YQ== | base64 -d)" = a ]',
    "chmod, chown": 'chmod 0600 "$work/a" && chown "$(id -u):$(id -g)" "$work/a"',
    "cp -a": 'cp -a "$work/a" "$work/copy"',
    "cut": "[ \"$(printf 'a\\tb\\n' | cut -f2)\" = b ]",
    "flock -w": 'flock -w 1 "$work/lock" true',
    "grep -qxF": "printf 'a.\\n' | grep -qxF -- a.",
    "ln": 'ln "$work/a" "$work/link"',
    "mv -T": 'mv -fT -- "$work/copy" "$work/moved"',
    "sed": "[ \"$(printf 'a' | sed -e 's/^/b\\t/' -e '$a\\' | wc -l)\" = 1 ]",
    "sha256sum": '[ "$(printf a | sha256sum | cut -c1-8)" = ca978112 ]',
    "stat -c": 'stat -c "%F %04a %U %G %u %g %i:%s:%z %n" "$work/a" | grep -q "^regular.* 0600 .*\\.[0-9]"',
    "systemctl": "command -v systemctl",
    "timeout": "timeout 5 true",
    "tr": "[ \"$(printf 'a b' | tr ' ' '\\n' | wc -l)\" = 1 ]",
    "xargs -0 -r": "[ \"$(printf 'a b\\0' | xargs -0 -r printf '<%s>')\" = '<a b>' ]",
}
"""The commands that the scripts for a node need, each with a test that succeeds where it works as they need it."""

_START = """\
{
LC_ALL=C PLUMBLINE_SCRIPT=$1
export LC_ALL PLUMBLINE_SCRIPT
shift
printf 'begun-%s\\n' "$PLUMBLINE_SCRIPT"
printf 'begun-%s\\n' "$PLUMBLINE_SCRIPT" >&2
}
"""

_NO_PROXY = "unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY"

_END = r"""
# end PATTERN...: kills every process that was started with one of these in its arguments or environment, until none is left
end() {
  tries=0
  while [ "$tries" -lt 100 ]; do
    found=$(grep -ls "$@" /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3 | sort -u)
    [ -n "$found" ] || return 0
    for one in $found; do kill -KILL "$one" 2>/dev/null || true; done
    tries=$((tries + 1))
    sleep 0.1 2>/dev/null || sleep 1
  done
  echo "cannot be killed: processes" $found >&2
  return 1
}
"""


UPTIME = r"""
# Seconds since the node was booted: a clock that nobody sets.
uptime_seconds() {
  read -r up _ </proc/uptime
  echo "${up%%.*}"
}
"""


def call(function: str, *words: str, **named: str) -> str:
    """A call of a sh function: `words` are its `$1`, `$2` and so on, `named` variables that it finds set."""
    return " ".join([*(f"{name}={quoted(value)}" for name, value in named.items()), function, *map(quoted, words)])


def with_input(line: str, text: str, end: str) -> str:
    """A call that reads `text` from its standard input; `end` is a line that the text does not hold."""
    return f"{line} <<'{end}'\n{text}{end}"


def whole(lines: Iterable[str]) -> str:
    """A script that stops at the first command that fails, and runs only if it arrived complete."""
    return "\n".join(["{", "set -eu", *lines, "exit 0", "}", ""])


def whole_with_input(text: str, given: str | None, end: str) -> str:
    """A script of the program's own that reads `given` from its standard input; `end` is a line that it does not hold."""
    feed = "</dev/null\n" if given is None else f"<<'{end}'\n{given}\n{end}\n"
    return f"{{\n(\n{text}\n) {feed}exit $?\n}}\n"


def user_script(text: str) -> str:
    """A script that the program gave: a hook."""
    return whole([text])


def check_script(text: str) -> str:
    """A check that the program gave: it asks the node itself and its neighbours, never a proxy."""
    return whole([_NO_PROXY, text])


def started(token: str, script: str) -> str:
    """A script for `sh -s TOKEN` that first prints `begun(token)` on standard output and on standard error.

    All before that line is from login shells and sudo. The token is in the environment of each process that it starts.
    """
    return f"{_START}{script}"


def begun(token: str) -> str:
    """The line by which a script tells that it runs. It is not in the script, in case a shell prints what it reads."""
    return f"begun-{token}"


def end_script(tokens: Collection[str]) -> str:
    """Kills the scripts that were started with these tokens, and all that they started."""
    # In brackets, so that no pattern matches the process that searches for it.
    patterns = [word for one in sorted(tokens) for word in ("-e", f"[{one[0]}]{one[1:]}")]
    return whole([_END, call("end", *patterns)])


def required_tools() -> tuple[str, ...]:
    """The names of the commands, with their options, that the scripts for a node need."""
    return tuple(TOOLS)


def tools_script() -> str:
    """Prints `missing NAME`, tabbed, for each of `required_tools` that the node does not have or that lacks an option."""
    tests = [
        f"({test}) </dev/null >/dev/null 2>&1 || printf 'missing\\t%s\\n' {quoted(name)}"
        for name, test in TOOLS.items()
    ]
    return whole(
        [
            "work=/run/plumbline-tools.$$",
            '(umask 077 && mkdir "$work" && : >"$work/a" && : >"$work/lock")',
            "trap 'rm -rf \"$work\"' EXIT",
            *tests,
        ]
    )
