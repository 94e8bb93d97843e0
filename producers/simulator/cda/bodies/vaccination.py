"""A vaccination in a vaccination note: vaccine, round, lot, who gave it."""

from random import Random
from typing import Any, Final
from xml.sax.saxutils import escape

from producers.simulator.cda.elements import coded
from producers.simulator.moments import literal, shown_day
from producers.simulator.plan.documents import LOINC
from producers.simulator.plan.planned import PlannedDocument
from producers.simulator.randomness import pick

from .section import code_of_mark, random_uuid, section, template_ids

_ACT_CODE: Final = "2.16.840.1.113883.5.4"
_ATC: Final = "2.16.840.1.113883.6.73"
_VACCINATION_SECTION: Final = (
    "2.16.840.1.113883.10.20.1.6",
    "1.3.6.1.4.1.19376.1.5.3.1.3.23",
    "1.2.250.1.213.1.1.2.147",
)
_VACCINE_TEMPLATES: Final = (
    "2.16.840.1.113883.10.20.1.24",
    "1.3.6.1.4.1.19376.1.5.3.1.4.12",
    "1.2.250.1.213.1.1.3.45",
)
_PRODUCT_TEMPLATES: Final = (
    "2.16.840.1.113883.10.20.1.53",
    "1.3.6.1.4.1.19376.1.5.3.1.4.7.2",
    "1.2.250.1.213.1.1.3.43",
)


def vaccination(
    document: PlannedDocument, tables: dict[str, Any], rng: Random, performer: str
) -> str:
    """One vaccination (FR-Vaccination). `tables`: vaccines and rounds; `performer`: an element."""
    vaccine = pick(rng, tables["vaccines"])
    code, display = pick(rng, tables["rounds"])
    lot = f"L{rng.getrandbits(20):07d}"
    zone = document.author.organisation.zone
    name = escape(vaccine["name"])
    text = (
        "<table><thead><tr><th>Date</th><th>Vaccin</th><th>Lot</th></tr></thead><tbody><tr>"
        f"<td>{shown_day(document.act_start, zone)}</td>"
        f'<td><content ID="vac-1">{name}</content></td><td>{lot}</td></tr></tbody></table>'
    )
    entry = (
        '<entry><substanceAdministration classCode="SBADM" moodCode="EVN" negationInd="false">'
        f'{template_ids(_VACCINE_TEMPLATES)}<id root="{random_uuid(rng)}"/>'
        f"{coded('code', code, _ACT_CODE, display)}"
        '<text><reference value="#vac-1"/></text><statusCode code="completed"/>'
        f'<effectiveTime value="{literal(document.act_start, zone, "day")}"/>'
        '<routeCode code="20035000" codeSystem="0.4.0.127.0.16.1.1.2.1" '
        'displayName="Voie intramusculaire"/>'
        f"<consumable><manufacturedProduct>{template_ids(_PRODUCT_TEMPLATES)}"
        f"<manufacturedMaterial>{code_of_mark(vaccine['code'], _ATC, vaccine['name'], 'vac-1')}"
        f"<name>{name}</name><lotNumberText>{lot}</lotNumberText></manufacturedMaterial>"
        "</manufacturedProduct></consumable>"
        f'<performer typeCode="PRF">{performer}</performer>'
        "</substanceAdministration></entry>"
    )
    head = coded("code", "11369-6", LOINC, "Historique des vaccinations")
    return section(_VACCINATION_SECTION, head, document.kind.title, text, entry)
