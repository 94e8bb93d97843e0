"""Escape sequences inside the texts of an HL7 v2 message (HL7 v2.5, section 2.7).

They are not left to the library. It logs the field in which a sequence is unknown, and that may be
a name or a matricule; and it repeats characters as often as a sequence says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_SEQUENCE_MAX: Final = 64
_KINDS: Final = "FSRTE"
"""Names of the delimiters in sequences: field, component, repetition, subcomponent, escape."""
_BREAKS: Final = ".br", ".sp", ".ce"
_STYLES: Final = frozenset({"H", "N", ".fi", ".nf"})
_HEX: Final = re.compile(r"X((?:[0-9A-Fa-f]{2})+)")
_LINE_ENDS: Final = r"(?:\.br|X(?:0[AaDd])+)"
_NOT_DELIMITERS: Final = frozenset("+/=\"'._-: \t\r\n")


@dataclass(frozen=True, slots=True)
class Delimiters:
    """MSH-1 and MSH-2, all different. `charset`: the codec of bytes written as `\\Xhh\\`."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str
    charset: str

    def count_in(self, text: str) -> int:
        """How many fields, repetitions, components and subcomponents end in this text."""
        ends = (self.field, self.component, self.repetition, self.subcomponent)
        return sum(text.count(end) for end in ends)

    def plain(self, text: str) -> str:
        """The text without escapes; an unknown sequence stays as it stands."""
        if self.escape not in text:
            return text
        escape = re.escape(self.escape)
        sequence = f"{escape}([^{escape}]{{1,{_SEQUENCE_MAX}}}){escape}"
        return re.sub(sequence, self._meaning, text)

    def without_line_ends(self, data: str) -> str:
        """Encoded data without the line ends that are written as escapes."""
        if self.escape not in data:
            return data
        escape = re.escape(self.escape)
        return re.sub(f"{escape}{_LINE_ENDS}{escape}", "", data)

    def _meaning(self, found: re.Match[str]) -> str:
        sequence = found[1]
        if sequence in _KINDS:
            return {
                "F": self.field,
                "S": self.component,
                "R": self.repetition,
                "T": self.subcomponent,
                "E": self.escape,
            }[sequence]
        if sequence in _STYLES:
            return ""
        if sequence.startswith(_BREAKS):
            return " "
        encoded = _HEX.fullmatch(sequence)
        if encoded is None:
            return found[0]
        return bytes.fromhex(encoded[1]).decode(self.charset, "replace")


def delimiters_of(header: str, charset: str) -> Delimiters | None:
    """The delimiters of a message header; None unless five different signs, none of base64.

    A fifth sign in MSH-2 (truncation, from v2.7) is allowed and not used.
    """
    field = header[3]
    signs = header[4:].split(field, 1)[0]
    if not 4 <= len(signs) <= 5:
        return None
    every = field + signs
    if len(set(every)) < len(every) or any(s.isalnum() or s in _NOT_DELIMITERS for s in every):
        return None
    return Delimiters(field, signs[0], signs[1], signs[2], signs[3], charset)
