"""A body of sections in words."""

from random import Random
from xml.sax.saxutils import escape

from producers.simulator.cda.elements import coded
from producers.simulator.plan.documents import LOINC
from producers.simulator.plan.planned import PlannedDocument
from producers.simulator.randomness import pick

from .section import section


def sections_in_words(document: PlannedDocument, rng: Random) -> str:
    """The sections that the kind of the document has, each with one of its sentences."""
    return "".join(
        section(
            (),
            coded("code", part.code, LOINC, part.title),
            part.title,
            f"<paragraph>{escape(pick(rng, part.texts))}</paragraph>",
        )
        for part in document.kind.sections
    )
