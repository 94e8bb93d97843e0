"""The body of a document: the one that its kind asks for."""

from random import Random
from typing import Any

from producers.simulator.cda.header import HeaderWriter
from producers.simulator.plan.planned import PlannedDocument
from producers.simulator.tables.cells import load

from .biology import biology
from .pdf import pdf_body
from .sections import sections_in_words
from .vaccination import vaccination


class BodyWriter:
    """Writes the body that the kind of a document asks for."""

    def __init__(self, header: HeaderWriter) -> None:
        self._header = header
        self._tables: dict[str, Any] = load("analyses")

    def body(self, document: PlannedDocument, rng: Random) -> str:
        """The component of the document."""
        if document.kind.body == "pdf":
            return pdf_body(document.kind, rng)
        inside = self._structured(document, rng)
        return f"<component><structuredBody>{inside}</structuredBody></component>"

    def _structured(self, document: PlannedDocument, rng: Random) -> str:
        match document.kind.body:
            case "biology":
                return biology(document, self._tables["panels"], rng)
            case "vaccination":
                performer = self._header.entity(document.author)
                return vaccination(document, self._tables, rng, performer)
            case _:
                return sections_in_words(document, rng)
