"""What a deposit and a change of visibility do to the flags of a document (SPEC c.4).

Flags are plain integers of `DocumentFlags` bits: arithmetic on enum members costs a microsecond
each time, and every message of the feed passes here.
"""

from collections.abc import Mapping
from typing import Final

from schemas.events import DocumentFlags, DocumentVisibilityChanged
from schemas.feed.messages import Document

_MASKED: Final = DocumentFlags.MASQUE_PS.value
_BY_PATIENT: Final = DocumentFlags.MASQUE_PS_BY_PATIENT.value
_HIDDEN_FROM_PATIENT: Final = DocumentFlags.INVISIBLE_PATIENT.value
_HIDDEN_FROM_REPRESENTATIVES: Final = DocumentFlags.INVISIBLE_REPRESENTANTS_LEGAUX.value
BIT_OF: Final[Mapping[str, int]] = {
    "MASQUE_PS": _MASKED,
    "INVISIBLE_PATIENT": _HIDDEN_FROM_PATIENT,
    "INVISIBLE_REPRESENTANTS_LEGAUX": _HIDDEN_FROM_REPRESENTATIVES,
}
"""The bit of each flag that an event or a message names."""


def metadata_flags(document: Document) -> int:
    """The three flags that the metadata of a deposit carry, as bits.

    Whose mask it is stands in the provenance, and whether bytes are kept is known to the store:
    who needs these bits adds them.
    """
    bits = _MASKED if document["masquePs"] else 0
    if document["invisiblePatient"]:
        bits |= _HIDDEN_FROM_PATIENT
    if document["invisibleRepresentantsLegaux"]:
        bits |= _HIDDEN_FROM_REPRESENTATIVES
    return bits


def flags_after(flags: int, change: DocumentVisibilityChanged) -> int:
    """`flags` after the change. Each change of the mask says anew whether it is the patient's."""
    bit = BIT_OF[change["flag"]]
    flags = flags | bit if change["on"] else flags & ~bit
    if bit == _MASKED:
        flags &= ~_BY_PATIENT
        if change["on"] and change["byPatient"]:
            flags |= _BY_PATIENT
    return flags
