"""The bytes of a document: a CDA, or a KOS in DICOM."""

from producers.simulator.cda.document import CdaWriter
from producers.simulator.plan.planned import PlannedDocument

from .kos import key_object_selection

_SUFFIXES = {"kos": "dcm"}


class ContentWriter:
    """Writes documents: the same bytes for the same seed and document, in any order of calls."""

    def __init__(self, seed: int) -> None:
        self._cda = CdaWriter(seed)

    def write(self, document: PlannedDocument) -> bytes:
        """CDA R2 as UTF-8, or DICOM for references to images."""
        if document.kind.body == "kos":
            return key_object_selection(document)
        return self._cda.write(document)


def suffix_of(document: PlannedDocument) -> str:
    """The suffix of a file of this document."""
    return _SUFFIXES.get(document.kind.body, "xml")
