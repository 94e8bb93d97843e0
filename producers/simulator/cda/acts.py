"""The acts of a document (serviceEvent) and the encounter they belong to, as elements."""

from typing import Final
from xml.sax.saxutils import quoteattr

from producers.simulator.cda.elements import coded
from producers.simulator.moments import literal
from producers.simulator.plan.planned import PlannedDocument
from producers.simulator.tables.dicom_codes import MODALITIES, REGIONS
from producers.simulator.tables.rows import Act

_ENCOUNTERS: Final = {
    "IMP": ("2.16.840.1.113883.5.4", "Hospitalisation (établissement, y compris HAD)"),
    "EMER": ("2.16.840.1.113883.5.4", "Passage aux urgences (établissement)"),
    "AMB": ("2.16.840.1.113883.5.4", "Ambulatoire (hors établissement)"),
    "HH": ("2.16.840.1.113883.5.4", "Soins à domicile (hors établissement)"),
    "VR": ("2.16.840.1.113883.5.4", "Virtuelle (exemple : RCP en l'absence du patient)"),
    "EXTERNE": ("1.2.250.1.213.1.1.4.2.291", "Acte et consultation externe (établissement)"),
    "SEANCE": ("1.2.250.1.213.1.1.4.2.291", "Séance (établissement ou libéral)"),
}
"""Types of encounter (J142)."""
LAB_STATUS: Final = {
    "partial": '<lab:statusCode code="active"/>',
    "complete": '<lab:statusCode code="completed"/>',
}


def act_times(document: PlannedDocument) -> tuple[str, str | None]:
    """Start and stop of the main act as literals; the stop is None when it equals the start."""
    zone = document.author.organisation.zone
    low = literal(document.act_start, zone, document.act_precision)
    if document.act_precision == "day":
        return low, None
    high = literal(document.act_stop, zone, document.act_precision)
    return low, None if high == low else high


def encounter_code(code: str | None) -> str:
    """The code element of an encounter (J142); empty without a code."""
    return "" if code is None else coded("code", code, *_ENCOUNTERS[code])


def act_code(act: Act) -> str:
    """The code element of an act; in imaging, modality and region are its translations."""
    if not act.modality:
        return coded("code", act.code, act.system, act.display)
    translations = "".join(
        f'<translation code="{entry.code}" codeSystem="{entry.system}" '
        f"displayName={quoteattr(entry.label)}><qualifier>{qualifier}</qualifier></translation>"
        for entry, qualifier in (
            (MODALITIES[act.modality], _MODALITY),
            (REGIONS[act.region], _REGION),
        )
    )
    return (
        f'<code code="{act.code}" codeSystem="{act.system}" '
        f"displayName={quoteattr(act.display)}>{translations}</code>"
    )


_MODALITY: Final = coded("name", "121139", "1.2.840.10008.2.16.4", "Modalité d'imagerie")
_REGION: Final = coded("name", "39111-0", "2.16.840.1.113883.6.1", "localisation anatomique")
