"""Bytes as an HL7 v2 message: bounds and character set (MSH-18) here, parsing by the `hl7` library.

Segments end with CR; LF and CR LF are taken too, since files often have them.
"""

from __future__ import annotations

import re
from typing import Final

import hl7

from producers.hl7v2.errors import Hl7Error

from .escapes import delimiters_of
from .header import HEADER_LENGTH_MAX, charset_named, charset_of, header_bytes
from .segments import CHARSETS, Hl7Message, Segment

_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_SEGMENT_START: Final = re.compile(r"[A-Z][A-Z0-9]{2}(\||$)")
_SEGMENTS_MAX: Final = 10_000
_DELIMITERS_MAX: Final = 100_000
"""The library makes an object of some 500 bytes for each: more of them are an attack."""


def read_message(data: bytes) -> Hl7Message:
    """The one message of these bytes. Raises Hl7Error when there is none that can be read."""
    data = data.removeprefix(b"\xef\xbb\xbf").strip(b"\r\n\x00 ")
    charset = charset_of(data)
    try:
        text = data.decode(charset)
    except UnicodeDecodeError:
        raise Hl7Error("hl7_charset", "MSH^1^18", 103) from None
    return _parsed([line for line in _LINE_END.split(text) if line.strip()], charset)


def read_header(data: bytes) -> Hl7Message | None:
    """The MSH alone of bytes that could not be read, for their ACK; None when there is none."""
    found = header_bytes(data.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n\x00 "))
    if found is None:
        return None
    charset = CHARSETS.get(charset_named(found), "utf-8")
    try:
        return _parsed([found.decode(charset, "replace")], charset)
    except Hl7Error:
        return None


def _parsed(lines: list[str], charset: str) -> Hl7Message:
    delimiters = delimiters_of(lines[0], charset)
    if delimiters is None:
        raise Hl7Error("hl7_unreadable", "MSH^1^2", 102)
    if len(lines[0]) > HEADER_LENGTH_MAX:
        raise Hl7Error("hl7_too_long", "MSH^1", 199)
    _check_lines(lines)
    text = "\r".join(lines)
    if delimiters.count_in(text) > _DELIMITERS_MAX:
        raise Hl7Error("hl7_too_long", "MSH^1", 199)
    try:
        parsed = hl7.parse(text)
    except (hl7.HL7Exception, ValueError, IndexError, KeyError, TypeError):
        # The library raises all of these; none of its sentences is for a person.
        raise Hl7Error("hl7_unreadable", "MSH^1", 100) from None
    counts: dict[str, int] = {}
    segments = []
    for fields in parsed:
        name = str(fields[0])
        counts[name] = counts.get(name, 0) + 1
        segments.append(Segment(name, counts[name], fields, delimiters))
    return Hl7Message(tuple(segments), charset)


def _check_lines(lines: list[str]) -> None:
    if len(lines) > _SEGMENTS_MAX:
        raise Hl7Error("hl7_too_long", "MSH^1", 199)
    if not all(_starts_segment(line, lines[0][3]) for line in lines):
        raise Hl7Error("hl7_unreadable", "MSH^1", 100)
    if sum(line.startswith("MSH") for line in lines) > 1:
        raise Hl7Error("hl7_several_messages", "MSH^2", 198)


def _starts_segment(line: str, separator: str) -> bool:
    return _SEGMENT_START.match(line.replace(separator, "|", 1)) is not None
