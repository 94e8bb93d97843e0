"""Segments and fields of an HL7 v2 message, as the `hl7` library has parsed them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from producers.hl7v2.errors import Hl7Error

from .escapes import Delimiters

CHARSETS: Final = {
    "": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "ASCII": "ascii",
    "8859/1": "iso8859-1",
    "8859/15": "iso8859-15",
}
"""Python's codec of each character set of MSH-18 that is taken."""
_TEXT_LENGTH_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment. Fields count from 1, as in the standard. `number`: which of its name, from 1."""

    name: str
    number: int
    _fields: Any
    _delimiters: Delimiters

    def text(self, field: int, component: int = 1, subcomponent: int = 1, repeat: int = 1) -> str:
        """The unescaped text of a component; empty if absent, or the null value `""`.

        Raises Hl7Error for a text longer than any that is asked for.
        """
        found = self.raw(field, component, subcomponent, repeat)
        if len(found) > _TEXT_LENGTH_MAX:
            raise Hl7Error("hl7_too_long", f"{self.name}^{self.number}^{field}", 102)
        plain = self._delimiters.plain(found)
        return "" if plain == '""' else plain.strip()

    def data(self, field: int, component: int) -> str:
        """Encoded data of any length, without the line ends that are written as escapes."""
        return self._delimiters.without_line_ends(self.raw(field, component))

    def raw(self, field: int, component: int = 1, subcomponent: int = 1, repeat: int = 1) -> str:
        """The text of a component as it stands in the message, escapes included."""
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
    """A message. `charset`: the codec in which it came, and in which its ACK goes."""

    segments: tuple[Segment, ...]
    charset: str

    @property
    def header(self) -> Segment:
        """The segment MSH."""
        return self.segments[0]

    @property
    def charset_name(self) -> str:
        """MSH-18 of its ACK."""
        named = self.header.text(18)
        return named if named.upper() in CHARSETS and named else "UNICODE UTF-8"

    def first(self, name: str) -> Segment | None:
        """The first segment of that name."""
        return next(self.all(name), None)

    def all(self, name: str) -> Iterator[Segment]:
        """Every segment of that name, in order."""
        return (segment for segment in self.segments if segment.name == name)

    @property
    def control_id(self) -> str:
        """MSH-10, which the ACK repeats."""
        return self.header.text(10)

    @property
    def event(self) -> tuple[str, str]:
        """Message type and trigger event, e.g. MDM and T02."""
        return self.header.text(9, 1), self.header.text(9, 2)
