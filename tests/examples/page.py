"""A page of docs/examples: what it adds to files, and the commands it shows."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BLOCK: Final = re.compile(
    r"(?:(?:^|\n)([^\n]*):\n\n|(?:^|\n)[^\n]*\n)```(\w+)\n(.*?)```", re.DOTALL
)
_NEW: Final = re.compile(r"New file `([^`]+)`")
_BELOW: Final = re.compile(r"`([^`]+)`, below `([^`]+)`")
_END: Final = re.compile(r"`([^`]+)`, at the end")
_ROW: Final = re.compile(r"`([^`]+)`, a row")


class UnclearPage(Exception):
    """A block of code without a line before it that says what is done with it."""


@dataclass(frozen=True, slots=True)
class Command:
    """A line after `$`, and parts of what it prints, one a line."""

    line: str
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """What is done to a file: `how` is the sentence before the block."""

    how: str
    text: str

    def apply(self, root: Path) -> None:
        """The file below `root` has it. Raises UnclearPage for a place that is not there once."""
        if found := _NEW.search(self.how):
            path = root / found[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.text)
        elif found := _BELOW.search(self.how):
            _put_below(root / found[1], found[2], self.text)
        elif found := _END.search(self.how):
            path = root / found[1]
            path.write_text(path.read_text() + self.text)
        elif found := _ROW.search(self.how):
            _add_row(root / found[1], self.text)
        else:
            raise UnclearPage(self.how)


def steps(page: str) -> Iterator[Edit | Command]:
    """What the page says to do, in its order."""
    for how, language, text in _BLOCK.findall(page):
        if language == "console":
            yield from commands(text)
        else:
            yield Edit(how, text)


def commands(text: str) -> Iterator[Command]:
    """The commands of a session, each with the lines below it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, *shown = part.strip().splitlines()
        yield Command(line, tuple(shown))


def _put_below(path: Path, line: str, text: str) -> None:
    lines = path.read_text().splitlines(keepends=True)
    places = [number for number, one in enumerate(lines, 1) if one.rstrip("\n") == line]
    if len(places) != 1:
        raise UnclearPage(f"{path.name} has {len(places)} lines {line!r}")
    lines.insert(places[0], text)
    path.write_text("".join(lines))


def _add_row(path: Path, text: str) -> None:
    """The row `column: value` by the head of the table, which may stand below a comment."""
    head = next(line for line in path.read_text().splitlines() if not line.startswith("# "))
    pairs = (line.partition(":") for line in text.splitlines())
    row = {name: value.strip() for name, _, value in pairs}
    columns = next(csv.reader([head], delimiter="\t", quoting=csv.QUOTE_NONE))
    if set(row) != set(columns):
        raise UnclearPage(f"{path.name} has the columns {columns}")
    with path.open("a") as table:
        table.write("\t".join(row[column] for column in columns) + "\n")
