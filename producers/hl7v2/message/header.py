"""The header of a message (MSH) in its bytes: where it ends, and the character set it names."""

from __future__ import annotations

import re
from typing import Final

from producers.hl7v2.errors import Hl7Error

from .segments import CHARSETS

HEADER_LENGTH_MAX: Final = 4096
_CHARSET_FIELD: Final = 17


def header_bytes(data: bytes) -> bytes | None:
    """The bytes of the segment MSH, None when the message does not begin with one."""
    header = re.split(rb"[\r\n]", data[:HEADER_LENGTH_MAX], maxsplit=1)[0]
    if len(header) < 8 or header[:3] != b"MSH" or header[3:4].isalnum():
        return None
    return header


def charset_named(header: bytes) -> str:
    """The first repetition of MSH-18, in capitals."""
    fields = header.split(header[3:4])
    named = fields[_CHARSET_FIELD].decode("ascii", "replace") if len(fields) > 17 else ""
    return re.split(r"[~^]", named)[0].strip().upper()


def charset_of(data: bytes) -> str:
    """The codec of MSH-18. Raises Hl7Error without a header, or for an unknown character set."""
    header = header_bytes(data)
    if header is None:
        raise Hl7Error("hl7_unreadable", "MSH^1", 100)
    found = CHARSETS.get(charset_named(header))
    if found is None:
        raise Hl7Error("hl7_charset", "MSH^1^18", 103)
    return found
