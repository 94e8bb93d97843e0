"""From a citation (`SPEC d.5`, `TRAP 14`, `decision 0007`) to the heading it names.

Read by the page of the rules and by the test of all citations. The pages lie in `docs`, which is in
the repository and not in the installed packages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[3]
"""The root of the repository."""
_FOLDERS: Final = ("docs/domain", "docs/decisions")
_HEADING = re.compile(r"^(#+) ((?:SPEC|TRAP|Decision) \S+) · .*$", re.MULTILINE)
_END = r"(?=[,;.:)\t\"']|$| and | \()"
_FIRST, _LATER = r"[a-j](?:\.\d+)?\b", rf"[a-j](?:\.\d+\b|{_END})"
_NOTE = r"(?: \([^()]*\))?"
_CITATION = re.compile(
    rf"\bSPEC (?P<spec>{_FIRST}{_NOTE}(?:(?:, |; | and ){_LATER}{_NOTE})*)"
    rf"|\bTRAP (?P<trap>\d+(?:(?:, |; | and | to )\d+{_END})*)"
    r"|\bdecision (?P<decision>\d{4})\b"
)
_PART = {"spec": re.compile(r"\b[a-j](?:\.\d+)?\b"), "trap": re.compile(r"\d+")}


class Citation(NamedTuple):
    """One key and where its words stand in the text: `text[start:end]`."""

    key: str
    start: int
    end: int


def citations(text: str) -> Iterator[Citation]:
    """Every citation of a text without line breaks, in its order.

    A part of a list belongs to the word before it: `SPEC a.4, d.5` cites `SPEC a.4` and `SPEC d.5`.
    Words in parentheses behind a part are an official rule or code.
    """
    for found in _CITATION.finditer(text):
        kind = found.lastgroup or ""
        if kind == "decision":
            yield Citation(found[0], found.start(), found.end())
            continue
        first = found.start(kind)
        plain = re.sub(_NOTE, lambda note: " " * len(note[0]), found[kind])
        for part in _PART[kind].finditer(plain):
            key = f"{kind.upper()} {part[0]}"
            start = found.start() if part.start() == 0 else first + part.start()
            yield Citation(key, start, first + part.end())


def headings(root: Path = ROOT) -> Mapping[str, str]:
    """Where each key is explained: path below `root`, then `#` and the anchor of its heading.

    A key that is a whole page has no anchor.
    """
    found: dict[str, str] = {}
    for folder in _FOLDERS:
        for page in sorted((root / folder).glob("*.md")):
            for heading in _HEADING.finditer(page.read_text("utf-8")):
                level, key = heading[1], heading[2].replace("Decision", "decision")
                if key in found:
                    raise ValueError(f"{key} has two headings")
                place = "" if level == "#" else f"#{anchor(heading[0])}"
                found[key] = f"{folder}/{page.name}{place}"
    return found


def anchor(heading: str) -> str:
    """The anchor that a forge gives a line of Markdown that begins with `#`."""
    plain = re.sub(r"[`*]|\]\([^)]*\)", "", heading.lstrip("#").strip().lower())
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
