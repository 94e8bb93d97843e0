"""The bytes of an HL7 v2 message as segments and fields; parsing is the work of the `hl7` library.

Segments end with CR; LF and CR LF are taken too: files often have them. Character set: MSH-18.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import hl7

from .faults import Hl7Fault

_CHARSETS: Final = {
    "": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "ASCII": "ascii",
    "8859/1": "iso8859-1",
    "8859/15": "iso8859-15",
}
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_SEGMENT_START: Final = re.compile(r"[A-Z][A-Z0-9]{2}(\||$)")
_CHARSET_FIELD: Final = 17
_SEGMENTS_MAX: Final = 10_000
_HEADER_LENGTH_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment. Fields count from 1 as in the standard; `number`: which of its kind, from 1."""

    name: str
    number: int
    _fields: Any
    _message: Any

    def text(self, field: int, component: int = 1, subcomponent: int = 1, repeat: int = 1) -> str:
        """The unescaped text of a component; empty: not there, or the null value `""`."""
        found = self.raw(field, component, subcomponent, repeat)
        plain = str(self._message.unescape(found)) if "\\" in found else found
        return "" if plain == '""' else plain.strip()

    def raw(self, field: int, component: int = 1, subcomponent: int = 1, repeat: int = 1) -> str:
        """As `text`, as it stands in the message: for long encoded data."""
        at = self._fields
        for index in (field, repeat - 1, component - 1, subcomponent - 1):
            if isinstance(at, str):
                return at if index == 0 else ""
            if index >= len(at):
                return ""
            at = at[index]
        while not isinstance(at, str):
            at = at[0] if len(at) else ""
        return at

    def repeats(self, field: int) -> range:
        """The numbers of the repetitions of a field."""
        if field >= len(self._fields):
            return range(0)
        return range(1, len(self._fields[field]) + 1)


@dataclass(frozen=True, slots=True)
class Hl7Message:
    """A message. `charset`: the codec in which it came, in which its answer goes."""

    segments: tuple[Segment, ...]
    charset: str

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]

    def first(self, name: str) -> Segment | None:
        """The first segment of that name."""
        return next(self.all(name), None)

    def all(self, name: str) -> Iterator[Segment]:
        """Every segment of that name, in order."""
        return (segment for segment in self.segments if segment.name == name)

    @property
    def control_id(self) -> str:
        """MSH-10, which the acknowledgement repeats."""
        return self.header.text(10)

    @property
    def event(self) -> tuple[str, str]:
        """Message type and trigger event, e.g. MDM and T02."""
        return self.header.text(9, 1), self.header.text(9, 2)


def read_message(data: bytes) -> Hl7Message:
    """The one message of these bytes. Raises Hl7Fault when there is none that can be read."""
    data = data.removeprefix(b"\xef\xbb\xbf").strip(b"\r\n\x00 ")
    charset = _charset(data)
    try:
        text = data.decode(charset)
    except UnicodeDecodeError:
        raise Hl7Fault("hl7_charset", "MSH^1^18", 103) from None
    lines = [line for line in _LINE_END.split(text) if line.strip()]
    _check_lines(lines)
    try:
        parsed = hl7.parse("\r".join(lines))
    except (hl7.HL7Exception, ValueError, IndexError, KeyError, TypeError):
        # The library says what is wrong by these; none of its sentences is for a person.
        raise Hl7Fault("hl7_unreadable", "MSH^1", 100) from None
    counts: dict[str, int] = {}
    segments = []
    for fields in parsed:
        name = str(fields[0])
        counts[name] = counts.get(name, 0) + 1
        segments.append(Segment(name, counts[name], fields, parsed))
    return Hl7Message(tuple(segments), charset)


def _charset(data: bytes) -> str:
    """The codec of MSH-18. Raises Hl7Fault: no message header, or a character set not known."""
    header = re.split(rb"[\r\n]", data[:_HEADER_LENGTH_MAX], maxsplit=1)[0]
    if len(header) < 8 or header[:3] != b"MSH" or header[3:4].isalnum():
        raise Hl7Fault("hl7_unreadable", "MSH^1", 100)
    fields = header.split(header[3:4])
    named = fields[_CHARSET_FIELD].decode("ascii", "replace") if len(fields) > 17 else ""
    found = _CHARSETS.get(re.split(r"[~^]", named)[0].strip().upper())
    if found is None:
        raise Hl7Fault("hl7_charset", "MSH^1^18", 103)
    return found


def _check_lines(lines: list[str]) -> None:
    if len(lines) > _SEGMENTS_MAX or not all(_starts_segment(line, lines[0][3]) for line in lines):
        raise Hl7Fault("hl7_unreadable", "MSH^1", 100)
    if sum(line.startswith("MSH") for line in lines) > 1:
        raise Hl7Fault("hl7_several_messages", "MSH^2", 198)


def _starts_segment(line: str, separator: str) -> bool:
    return _SEGMENT_START.match(line.replace(separator, "|", 1)) is not None
