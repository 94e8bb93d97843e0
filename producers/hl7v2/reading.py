"""The bytes of an HL7 v2 message as segments and fields; parsing is the work of the `hl7` library.

Segments end with CR; LF and CR LF are taken too: files often have them. Character set: MSH-18.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import hl7

from .escapes import Delimiters, delimiters_of
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
HEADER_LENGTH_MAX: Final = 4096
_DELIMITERS_MAX: Final = 100_000
"""Each is an object of the library, some 500 bytes: more of them are no message, but an attack."""
_TEXT_LENGTH_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment. Fields count from 1 as in the standard; `number`: which of its kind, from 1."""

    name: str
    number: int
    _fields: Any
    _delimiters: Delimiters

    def text(self, field: int, component: int = 1, subcomponent: int = 1, repeat: int = 1) -> str:
        """The unescaped text of a component; empty: not there, or the null value `""`.

        Raises Hl7Fault for a text that is longer than any that is asked for.
        """
        found = self.raw(field, component, subcomponent, repeat)
        if len(found) > _TEXT_LENGTH_MAX:
            raise Hl7Fault("hl7_too_long", f"{self.name}^{self.number}^{field}", 102)
        plain = self._delimiters.plain(found)
        return "" if plain == '""' else plain.strip()

    def data(self, field: int, component: int) -> str:
        """Encoded data, of any length, without the line ends that are written as escapes."""
        return self._delimiters.without_line_ends(self.raw(field, component))

    def raw(self, field: int, component: int = 1, subcomponent: int = 1, repeat: int = 1) -> str:
        """As `text`, as it stands in the message."""
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

    @property
    def charset_name(self) -> str:
        """MSH-18 of its answer."""
        named = self.header.text(18)
        return named if named.upper() in _CHARSETS and named else "UNICODE UTF-8"

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
    return _parsed([line for line in _LINE_END.split(text) if line.strip()], charset)


def read_header(data: bytes) -> Hl7Message | None:
    """The MSH alone of what could not be read, so that it can be answered; None: there is none."""
    found = _header_of(data.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n\x00 "))
    if found is None:
        return None
    charset = _CHARSETS.get(_charset_named(found), "utf-8")
    try:
        return _parsed([found.decode(charset, "replace")], charset)
    except Hl7Fault:
        return None


def _parsed(lines: list[str], charset: str) -> Hl7Message:
    delimiters = delimiters_of(lines[0], charset)
    if delimiters is None:
        raise Hl7Fault("hl7_unreadable", "MSH^1^2", 102)
    if len(lines[0]) > HEADER_LENGTH_MAX:
        raise Hl7Fault("hl7_too_long", "MSH^1", 199)
    _check_lines(lines)
    text = "\r".join(lines)
    if delimiters.count_in(text) > _DELIMITERS_MAX:
        raise Hl7Fault("hl7_too_long", "MSH^1", 199)
    try:
        parsed = hl7.parse(text)
    except (hl7.HL7Exception, ValueError, IndexError, KeyError, TypeError):
        # The library says what is wrong by these; none of its sentences is for a person.
        raise Hl7Fault("hl7_unreadable", "MSH^1", 100) from None
    counts: dict[str, int] = {}
    segments = []
    for fields in parsed:
        name = str(fields[0])
        counts[name] = counts.get(name, 0) + 1
        segments.append(Segment(name, counts[name], fields, delimiters))
    return Hl7Message(tuple(segments), charset)


def _header_of(data: bytes) -> bytes | None:
    header = re.split(rb"[\r\n]", data[:HEADER_LENGTH_MAX], maxsplit=1)[0]
    if len(header) < 8 or header[:3] != b"MSH" or header[3:4].isalnum():
        return None
    return header


def _charset_named(header: bytes) -> str:
    """MSH-18, its first repetition."""
    fields = header.split(header[3:4])
    named = fields[_CHARSET_FIELD].decode("ascii", "replace") if len(fields) > 17 else ""
    return re.split(r"[~^]", named)[0].strip().upper()


def _charset(data: bytes) -> str:
    """The codec of MSH-18. Raises Hl7Fault: no message header, or a character set not known."""
    header = _header_of(data)
    if header is None:
        raise Hl7Fault("hl7_unreadable", "MSH^1", 100)
    found = _CHARSETS.get(_charset_named(header))
    if found is None:
        raise Hl7Fault("hl7_charset", "MSH^1^18", 103)
    return found


def _check_lines(lines: list[str]) -> None:
    if len(lines) > _SEGMENTS_MAX:
        raise Hl7Fault("hl7_too_long", "MSH^1", 199)
    if not all(_starts_segment(line, lines[0][3]) for line in lines):
        raise Hl7Fault("hl7_unreadable", "MSH^1", 100)
    if sum(line.startswith("MSH") for line in lines) > 1:
        raise Hl7Fault("hl7_several_messages", "MSH^2", 198)


def _starts_segment(line: str, separator: str) -> bool:
    return _SEGMENT_START.match(line.replace(separator, "|", 1)) is not None
