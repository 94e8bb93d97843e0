"""The bytes of a document: real CDA R2, structured or with a PDF body."""

from producers.simulator.plan.planned import PlannedDocument
from producers.simulator.randomness import stream

from .bodies.body import BodyWriter
from .header import HeaderWriter


class CdaWriter:
    """Writes documents: the same bytes for the same seed and document, in any order of calls."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._header = HeaderWriter()
        self._body = BodyWriter(self._header)

    def write(self, document: PlannedDocument) -> bytes:
        """The document as UTF-8. Versions of one document share what was measured."""
        rng = stream(self._seed, "content", document.set_id)
        header = self._header.header(document)
        return f"{header}{self._body.body(document, rng)}</ClinicalDocument>".encode()
