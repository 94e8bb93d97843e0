"""PDF bodies: few variants per kind of document, made once, the same bytes everywhere.

They name no patient: what identifies stands in the CDA header.
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

from producers.simulator.randomness import pick, stream

VARIANTS: Final = 4
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


@cache
def pdf(kind: str, title: str, variant: int) -> bytes:
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
def pdf_base64(kind: str, title: str, variant: int) -> str:
    """The same in base64, as CDA carries it."""
    return b64encode(pdf(kind, title, variant)).decode()


def _page(canvas: Any, title: str, page: int, rng: Random) -> None:
    width, height = A4
    canvas.setFont(_FONT, 14)
    canvas.drawString(56, height - 72, title)
    canvas.setFont(_FONT, 9)
    for line in range(_LINES_PER_PAGE):
        canvas.drawString(56, height - 110 - 15 * line, pick(rng, _SENTENCES))
    canvas.drawRightString(width - 56, 40, f"page {page + 1}")
    canvas.showPage()
