"""PDF in documents, as body or as copy: few variants per kind, made once, the same everywhere.

A PDF names no patient: what identifies stands in the header of the CDA.
"""

from base64 import b64encode
from functools import cache
from io import BytesIO
from random import Random
from typing import Any, Final

from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from producers.simulator.cda.elements import coded
from producers.simulator.plan.documents import LOINC
from producers.simulator.plan.planned import PlannedDocument
from producers.simulator.randomness import pick, stream
from producers.simulator.tables.cells import PDF
from producers.simulator.tables.rows import DocumentKind

from .section import random_uuid, section

_VARIANTS: Final = 4
_FONT: Final = "Vera"
_LINES_PER_PAGE: Final = 44
_SENTENCES: Final = (
    "Document produit par un simulateur, sans valeur médicale.",
    "Patient adressé pour avis; antécédents sans particularité.",
    "Examen clinique rassurant, constantes stables.",
    "Bilan biologique et imagerie à disposition dans le dossier.",
    "Pas d'allergie médicamenteuse connue à ce jour.",
    "Traitement bien toléré, poursuite aux mêmes doses.",
    "Surveillance à domicile, consigne de reconsulter en cas de fièvre.",
    "Compte rendu relu et validé par le médecin signataire.",
    "Prochain rendez-vous à prévoir dans un délai de trois mois.",
    "Évolution favorable depuis la dernière consultation.",
)


def pdf_body(kind: DocumentKind, rng: Random) -> str:
    """A body that is a PDF and nothing else."""
    content = _pdf_base64(kind.name, kind.title, int(rng.random() * _VARIANTS))
    return (
        f'<component><nonXMLBody><text mediaType="{PDF}" representation="B64">'
        f"{content}</text></nonXMLBody></component>"
    )


def pdf_copy(document: PlannedDocument, rng: Random) -> str:
    """The PDF copy of a biology report (FR-Document-PDF-copie; SPEC g, wave 2)."""
    kind = document.kind
    copy = coded("code", "55108-5", LOINC, "Copie du document")
    media = _pdf_base64(kind.name, kind.title, int(rng.random() * _VARIANTS))
    entry = (
        '<entry><organizer classCode="CLUSTER" moodCode="EVN">'
        f'<templateId root="1.2.250.1.213.1.1.3.18"/><id root="{random_uuid(rng)}"/>'
        f"{coded('code', '55107-7', LOINC, 'Document attaché')}"
        '<statusCode code="completed"/><component>'
        '<observationMedia classCode="OBS" moodCode="EVN" ID="copie">'
        f'<value mediaType="{PDF}" representation="B64">{media}</value>'
        "</observationMedia></component></organizer></entry>"
    )
    text = '<renderMultiMedia referencedObject="copie"/>'
    return section(("1.2.250.1.213.1.1.2.243",), copy, "Copie du document", text, entry)


@cache
def _pdf(kind: str, title: str, variant: int) -> bytes:
    """A document of one to three pages with its fonts inside; a function of its arguments."""
    pdfmetrics.registerFont(TTFont(_FONT, "Vera.ttf"))
    out = BytesIO()
    canvas: Any = Canvas(out, pagesize=A4, invariant=1, lang="fr-FR")
    canvas.setTitle(title)
    canvas.setAuthor("Simulateur")
    rng = stream(variant, "pdf", kind)
    for page in range(1 + variant % 3):
        _page(canvas, title, page, rng)
    canvas.save()
    return out.getvalue()


@cache
def _pdf_base64(kind: str, title: str, variant: int) -> str:
    """The document in base64, as a CDA carries it."""
    return b64encode(_pdf(kind, title, variant)).decode()


def _page(canvas: Any, title: str, page: int, rng: Random) -> None:
    width, height = A4
    canvas.setFont(_FONT, 14)
    canvas.drawString(56, height - 72, title)
    canvas.setFont(_FONT, 9)
    for line in range(_LINES_PER_PAGE):
        canvas.drawString(56, height - 110 - 15 * line, pick(rng, _SENTENCES))
    canvas.drawRightString(width - 56, 40, f"page {page + 1}")
    canvas.showPage()
