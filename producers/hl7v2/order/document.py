"""The document of a message: its bytes in OBX-5, its identifiers and type in TXA and OBX."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from producers.hl7v2.errors import Hl7Error
from producers.hl7v2.message.segments import Hl7Message, Segment

FLAGS_SYSTEM: Final = "MetaDMPMSS"
"""Coding system of the observations that are flags."""


def document_segments(message: Hl7Message) -> list[Segment]:
    """The observations (OBX) that are documents: encapsulated data, and no flags."""
    return [
        obx for obx in message.all("OBX") if obx.text(2) == "ED" and obx.text(3, 3) != FLAGS_SYSTEM
    ]


def document_segment(message: Hl7Message, *, needed: bool) -> Segment | None:
    """The one document of the message; None where it brings none. Raises Hl7Error for several.

    `needed`: a message without a document is an error.
    """
    found = document_segments(message)
    if len(found) > 1:
        raise Hl7Error("hl7_documents_several", f"OBX^{found[1].number}^5", 198)
    if not found and needed:
        raise Hl7Error("hl7_document_missing", "OBX^1^5", 101)
    return found[0] if found else None


def document_bytes(obx: Segment) -> bytes:
    """The bytes of OBX-5, base64 in its fifth component."""
    location = f"OBX^{obx.number}^5"
    if obx.text(5, 4).lower() != "base64":
        raise Hl7Error("hl7_document_encoding", location, 102)
    if len(obx.repeats(5)) > 1:
        raise Hl7Error("hl7_documents_several", location, 198)
    try:
        data = base64.b64decode("".join(obx.data(5, 5).split()), validate=True)
    except (binascii.Error, ValueError):
        raise Hl7Error("hl7_document_encoding", location, 102) from None
    if not data:
        raise Hl7Error("hl7_document_missing", location, 101)
    return data


def unique_id_in(segment: Segment | None, field: int) -> str | None:
    """An EI as a uniqueId: the OID alone, or root^extension for `ext^^root^ISO` (SPEC d.3)."""
    if segment is None:
        return None
    value, root = segment.text(field, 1), segment.text(field, 3)
    if not value:
        return None
    return f"{root}^{value}" if root and root != value else value


def type_code(txa: Segment | None, obx: Segment | None) -> str | None:
    """The type of the document: TXA-2, else OBX-3. Raises Hl7Error when both differ."""
    of_txa = txa.text(2) if txa is not None else ""
    of_obx = obx.text(3) if obx is not None else ""
    if of_txa and of_obx and of_txa != of_obx:
        raise Hl7Error("hl7_type_contradicts", "TXA^1^2")
    return of_txa or of_obx or None
