"""Shows an update while it runs: a line per node on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from nodestate import vocabulary
from report.events import Message, Step
from report.progress import NodeProgress, Progress, Stage
from report.words import count

STYLES = {
    Stage.PLANNED: "dim",
    Stage.WORKING: "yellow",
    Stage.WAITING: "dim",
    Stage.DONE: "green",
    Stage.FAILED: "red",
    Stage.UNTOUCHED: "red",
}

STAGES = max(map(len, Stage))

INTERRUPTED = (
    "Ctrl-C: what has begun is finished, nothing else is begun. Once more: ends at once, and the next run cleans up"
)

QUIET_SECONDS = 60
"""Without a terminal, a line says after so long that the run goes on."""

SINGLE = 8
"""So many nodes have a line each when they are done; of more, every eighth part is told."""


class View:
    """Something that is shown from its begin to its end. This one shows nothing: the engine's own output is printed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def see(self, event: Step | Message) -> None:
        """Takes the next event."""

    def idle(self) -> None:
        """Is called a few times per second."""

    def interrupted(self) -> None:
        """The user has pressed Ctrl-C."""


class LiveView(View):
    """A line per node on a terminal, drawn again and again by a thread; at the end they stay as they are."""

    def __init__(self, progress: Progress, console: Console) -> None:
        self._progress = progress
        self._console = console
        self._began = time.monotonic()
        self._live = Live(get_renderable=self.__rich__, console=console, refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.transient = not self._progress.nodes
        self._live.__exit__(kind, error, trace)

    def see(self, event: Step | Message) -> None:
        self._progress.see(event, time.monotonic())

    def interrupted(self) -> None:
        self._progress.interrupted = True

    def __rich__(self) -> RenderableType:
        now = time.monotonic()
        head = Text(_state(self._progress, int(now - self._began)), style="bold", no_wrap=True, overflow="ellipsis")
        parts: list[RenderableType] = [head]
        if self._progress.interrupted:
            parts.append(Text(INTERRUPTED, style="red"))
        nodes = list(self._progress.ordered())
        names = max((len(one.name) for one in nodes), default=0)
        room = max(3, self._console.height - len(parts) - 3)
        parts += [_row(one, names, now) for one in nodes[:room]]
        if more := nodes[room:]:
            parts.append(Text(f"and {count(len(more), 'more node')}", style="dim"))
        return Group(*parts)


def _row(node: NodeProgress, names: int, now: float) -> Text:
    told = [f"slot {node.slot}"] if node.slot else []
    told += [node.line] if node.line and node.stage is not Stage.DONE else []
    since = f"{node.seconds(now)} s" if node.began is not None else ""
    row = Text(f"{node.name:{names}}  ", no_wrap=True, overflow="ellipsis")
    return row.append(f"{node.stage:{STAGES}}", style=STYLES[node.stage]).append(
        f"  {since:>6}  {': '.join(told)}".rstrip()
    )


class PlainView(View):
    """Lines for a log: a disruptive step, a node that is done or failed, and now and then that the run goes on. Of many nodes
    only the failures and every eighth part are told."""

    def __init__(self, progress: Progress, output: TextIO) -> None:
        self._progress = progress
        self._output = output
        self._began = self._told = time.monotonic()
        self._ended: set[tuple[str, Stage]] = set()
        """Ends that were told already: a command may follow the NodeStates of a node."""

        self._step = 0

    def see(self, event: Step | Message) -> None:
        node = self._progress.see(event, time.monotonic())
        if isinstance(event, Message) and len(self._progress.nodes) <= SINGLE:
            step = vocabulary.done(event.text)
            if step is not None and step.action in vocabulary.DISRUPTIVE:
                self._print(event.text)
        if node is None or node.stage not in (Stage.FAILED, Stage.DONE) or (node.name, node.stage) in self._ended:
            return
        self._ended.add((node.name, node.stage))
        if line := self._line(node):
            self._print(line)

    def idle(self) -> None:
        if time.monotonic() - self._told > QUIET_SECONDS:
            working = [f"{one.name} ({one.line})" for one in self._progress.ordered() if one.stage is Stage.WORKING]
            now = f"; {', '.join(working[:3])}" if working else ""
            self._print(f"{_state(self._progress, int(time.monotonic() - self._began))}{now}")

    def interrupted(self) -> None:
        self._progress.interrupted = True
        self._print(INTERRUPTED)

    def _line(self, node: NodeProgress) -> str:
        done, all_of_them = self._progress.count(Stage.DONE), len(self._progress.nodes)
        if node.stage is Stage.FAILED or all_of_them <= SINGLE:
            return f"{node.name}: {node.stage} after {node.seconds(time.monotonic())} s"
        if (step := done * SINGLE // all_of_them) <= self._step:
            return ""
        self._step = step
        return f"{done} of {all_of_them} nodes done"

    def _print(self, line: str) -> None:
        self._told = time.monotonic()
        print(f"plumbline: {line}", file=self._output, flush=True)


def _state(progress: Progress, seconds: int) -> str:
    return f"{', '.join(_parts(progress))}; {seconds} s"


def _parts(progress: Progress) -> Iterator[str]:
    if progress.reading:
        yield "reading the nodes"
        return
    yield f"{progress.count(Stage.DONE)} of {count(len(progress.nodes), 'node')} done"
    for stage in (Stage.WORKING, Stage.WAITING, Stage.FAILED, Stage.UNTOUCHED):
        if number := progress.count(stage):
            yield f"{number} {stage}"
    if progress.others:
        yield f"{count(progress.others, 'other resource')} changed"


def chosen_view(progress: Progress) -> View:
    """The one that suits standard output."""
    if sys.stdout.isatty():
        return LiveView(progress, Console())
    return PlainView(progress, sys.stdout)
