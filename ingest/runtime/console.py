"""What all commands share: output, progress, exit codes, errors. Data on stdout, rest on stderr."""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

WIDTH_WITHOUT_TERMINAL = 160
"""Columns of tables in a file or pipe: rich would assume 80."""


class Exit(enum.IntEnum):
    """Exit codes of `histoire`; part of its interface, documented in the help."""

    OK = 0
    FAILED = 1
    """The work was done and its answer is no: an audit that does not balance, a file refused."""
    USAGE = 2
    """Wrong arguments or settings."""
    STOPPED = 3
    """Ingestion stopped itself: too many rejections; nothing of the last batch was committed."""
    UNAVAILABLE = 4
    """A service (database, broker, key or content store) is away; trying later helps."""
    HALTED = 5
    """Going on would break the guarantee (topic recreated, key missing); a person must decide."""
    NOT_FOUND = 6
    """What was asked for is not there."""
    MISSING = 7
    """A program this command needs (Java, Maven...) is not installed."""
    INTERNAL = 70
    """A fault of ours; the log has its place, never its data."""
    INTERRUPTED = 130
    """Ended by Ctrl-C."""


class CommandError(Exception):
    """Ends a command: one sentence for a person, a repair if there is one, and an exit code.

    The sentence must not carry an INS, a name or a payload.
    """

    def __init__(self, sentence: str, repair: str | None = None, code: Exit = Exit.FAILED) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.repair = repair
        self.code = code


def print_json(obj: Any) -> None:
    """Write `obj` on stdout as one line of JSON: sorted as given, dates in ISO 8601, UTF-8.

    Keys that are numbers are written as text.
    """
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
    line = orjson.dumps(obj, option=options, default=_plain)
    sys.stdout.flush()  # text written before must come before
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(line.decode())
    else:
        buffer.write(line)
        buffer.flush()


def out() -> Console:
    """A rich console on stdout for tables and text; plain and wide when that is no terminal."""
    if sys.stdout.isatty():
        return Console(highlight=False, emoji=False)
    return Console(highlight=False, emoji=False, soft_wrap=True, width=WIDTH_WITHOUT_TERMINAL)


def err(sentence: str, repair: str | None = None) -> None:
    """Write one sentence, and the repair on the same line, on stderr; never a traceback."""
    text = f"{sentence.rstrip('.')}. {repair}" if repair else sentence
    console = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)
    console.print(Text.assemble(("error: ", "bold red"), text))


def note(sentence: str) -> None:
    """Write a remark that is neither data nor an error on stderr."""
    Console(stderr=True, highlight=False, emoji=False, soft_wrap=True).print(Text(sentence))


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="cyan")


class Bar:
    """Handle of a progress bar: `advance` by what was done, `total` when it becomes known."""

    def __init__(self, bar: Progress, description: str, total: float | None) -> None:
        self._bar = bar
        self._task = bar.add_task(description, total=total)

    def advance(self, count: float = 1) -> None:
        """`count` more are done."""
        self._bar.advance(self._task, count)

    def update(
        self,
        *,
        completed: float | None = None,
        total: float | None = None,
        description: str | None = None,
    ) -> None:
        """What is given holds afterwards; None leaves it as it was."""
        self._bar.update(self._task, completed=completed, total=total, description=description)


@contextmanager
def progress(description: str, total: float | None = None, *, show: bool = True) -> Iterator[Bar]:
    """A progress bar on stderr while the block runs; nothing is drawn unless stderr is a terminal.

    Without `total` it shows what was done and how fast, with it also the time left.
    """
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    hidden = not (show and console.is_terminal)
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        yield Bar(bar, description, total)


def _plain(obj: Any) -> Any:
    if isinstance(obj, (set, frozenset)):
        return sorted(obj)
    if isinstance(obj, bytes):
        return obj.hex()
    if hasattr(obj, "__fspath__"):
        return str(obj)
    raise TypeError(f"{type(obj).__name__} has no JSON form")
