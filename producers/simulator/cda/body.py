"""Bodies of CDA documents: sections in words, biology results, a vaccination, or a PDF."""

from collections.abc import Callable
from random import Random
from typing import Any, Final
from uuid import UUID
from xml.sax.saxutils import escape, quoteattr

from producers.simulator.moments import literal, shown_day
from producers.simulator.plan.documents import LOINC
from producers.simulator.plan.planned import PlannedDocument
from producers.simulator.randomness import between, pick, uuid_bytes
from producers.simulator.tables.tables import PDF, load

from .elements import coded
from .header import HeaderWriter
from .pdf import VARIANTS, pdf_base64

_ABNORMAL: Final = 0.15
_ACT_CODE: Final = "2.16.840.1.113883.5.4"
_INTERPRETATIONS: Final = {
    "N": "Normal",
    "H": "Anormalement haut",
    "L": "Anormalement bas",
}
_INTERPRETATION: Final = "2.16.840.1.113883.5.83"
_ATC: Final = "2.16.840.1.113883.6.73"


class BodyWriter:
    """Writes the body that the kind of a document asks for."""

    def __init__(self, header: HeaderWriter) -> None:
        self._header = header
        self._tables: dict[str, Any] = load("analyses")
        self._bodies: dict[str, Callable[[PlannedDocument, Random], str]] = {
            "biology": self._biology,
            "sections": self._sections,
            "vaccination": self._vaccination,
        }

    def body(self, document: PlannedDocument, rng: Random) -> str:
        """The component of the document."""
        kind = document.kind
        if kind.body == "pdf":
            content = pdf_base64(kind.name, kind.title, int(rng.random() * VARIANTS))
            return (
                f'<component><nonXMLBody><text mediaType="{PDF}" representation="B64">'
                f"{content}</text></nonXMLBody></component>"
            )
        sections = self._bodies[kind.body](document, rng)
        return f"<component><structuredBody>{sections}</structuredBody></component>"

    def _sections(self, document: PlannedDocument, rng: Random) -> str:
        return "".join(
            _section(
                (),
                coded("code", section.code, LOINC, section.title),
                section.title,
                f"<paragraph>{escape(pick(rng, section.texts))}</paragraph>",
            )
            for section in document.kind.sections
        )

    def _biology(self, document: PlannedDocument, rng: Random) -> str:
        chapters = "".join(
            self._chapter(document, self._tables["panels"][number], number, rng)
            for number in document.panels
        )
        return chapters + (_copy(document, rng) if document.kind.pdf_copy else "")

    def _chapter(
        self, document: PlannedDocument, panel: dict[str, Any], number: int, rng: Random
    ) -> str:
        """A chapter (FR-CR-BIO-Chapitre) with its table and the same results as entries."""
        analyses = panel["analyses"]
        done = len(analyses) if document.status == "complete" else (len(analyses) + 1) // 2
        zone = document.author.organisation.zone
        taken = literal(document.act_start, zone)
        rows, entries = [], []
        for place, analysis in enumerate(analyses):
            value, flag = _value(analysis, rng)
            if place < done:
                mark = f"r-{number}-{place}"
                rows.append(_result_row(analysis, value, flag, mark))
                entries.append(_result(analysis, value, flag, mark, taken))
            else:
                rows.append(f"<tr><td>{escape(analysis['name'])}</td><td>en cours</td><td/></tr>")
        code = coded("code", panel["code"], LOINC, panel["title"])
        text = (
            "<table><thead><tr><th>Analyse</th><th>Résultat</th><th>Référence</th></tr></thead>"
            f"<tbody>{''.join(rows)}</tbody></table>"
        )
        entry = (
            '<entry typeCode="DRIV"><templateId root="1.3.6.1.4.1.19376.1.3.1"/>'
            '<templateId root="1.2.250.1.213.1.1.3.21"/><act classCode="ACT" moodCode="EVN">'
            f'{code}<statusCode code="{_STATUS[document.status]}"/>{"".join(entries)}</act></entry>'
        )
        item = _section(_ITEM_TEMPLATES, code, None, text, entry)
        return (
            f"<component><section>{_templates(_CHAPTER_TEMPLATES)}{code}"
            f"<title>{escape(panel['title'])}</title>{item}</section></component>"
        )

    def _vaccination(self, document: PlannedDocument, rng: Random) -> str:
        """One vaccination (FR-Vaccination), by the author of the note."""
        vaccine = pick(rng, self._tables["vaccines"])
        code, display = pick(rng, self._tables["rounds"])
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
            f'{_templates(_VACCINE_TEMPLATES)}<id root="{_uuid(rng)}"/>'
            f"{coded('code', code, _ACT_CODE, display)}"
            '<text><reference value="#vac-1"/></text><statusCode code="completed"/>'
            f'<effectiveTime value="{literal(document.act_start, zone, "day")}"/>'
            '<routeCode code="20035000" codeSystem="0.4.0.127.0.16.1.1.2.1" '
            'displayName="Voie intramusculaire"/>'
            f"<consumable><manufacturedProduct>{_templates(_PRODUCT_TEMPLATES)}"
            f"<manufacturedMaterial>{_referring(vaccine['code'], _ATC, vaccine['name'], 'vac-1')}"
            f"<name>{name}</name><lotNumberText>{lot}</lotNumberText></manufacturedMaterial>"
            "</manufacturedProduct></consumable>"
            f'<performer typeCode="PRF">{self._header.entity(document.author)}</performer>'
            "</substanceAdministration></entry>"
        )
        head = coded("code", "11369-6", LOINC, "Historique des vaccinations")
        return _section(_VACCINATION_SECTION, head, document.kind.title, text, entry)


_STATUS: Final = {"partial": "active", "complete": "completed"}
_CHAPTER_TEMPLATES: Final = ("1.3.6.1.4.1.19376.1.3.3.2.1", "1.2.250.1.213.1.1.2.70")
_ITEM_TEMPLATES: Final = ("1.3.6.1.4.1.19376.1.3.3.2.2", "1.2.250.1.213.1.1.2.71")
_RESULT_TEMPLATES: Final = ("1.3.6.1.4.1.19376.1.3.1.6", "1.2.250.1.213.1.1.3.80")
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


def _section(
    templates: tuple[str, ...], code: str, title: str | None, text: str, entries: str = ""
) -> str:
    shown = f"<title>{escape(title)}</title>" if title else ""
    return (
        f"<component><section>{_templates(templates)}{code}{shown}"
        f"<text>{text}</text>{entries}</section></component>"
    )


def _templates(roots: tuple[str, ...]) -> str:
    return "".join(f'<templateId root="{root}"/>' for root in roots)


def _uuid(rng: Random) -> str:
    return str(UUID(bytes=uuid_bytes(rng))).upper()


def _referring(code: str, system: str, display: str, mark: str) -> str:
    return (
        f'<code code="{code}" codeSystem="{system}" displayName={quoteattr(display)}>'
        f'<originalText><reference value="#{mark}"/></originalText></code>'
    )


def _value(analysis: dict[str, Any], rng: Random) -> tuple[str, str]:
    """A result and whether it is normal, high or low."""
    low, high = analysis["range"]
    value = between(rng, low, high)
    flag = "N"
    if rng.random() < _ABNORMAL:
        flag = "H" if low == 0 or rng.random() < 0.5 else "L"
        value = high * between(rng, 1.05, 1.9) if flag == "H" else low * between(rng, 0.5, 0.95)
    return f"{value:.{analysis['decimals']}f}", flag


def _result_row(analysis: dict[str, Any], value: str, flag: str, mark: str) -> str:
    low, high = analysis["range"]
    shown = "" if flag == "N" else f" ({flag})"
    return (
        f'<tr><td><content ID="{mark}">{escape(analysis["name"])}</content></td>'
        f"<td>{value} {escape(analysis['shown'])}{shown}</td><td>{low} - {high}</td></tr>"
    )


def _result(analysis: dict[str, Any], value: str, flag: str, mark: str, taken: str) -> str:
    low, high = analysis["range"]
    unit = quoteattr(analysis["unit"])
    return (
        '<entryRelationship typeCode="COMP"><observation classCode="OBS" moodCode="EVN">'
        f"{_templates(_RESULT_TEMPLATES)}"
        f"{_referring(analysis['code'], LOINC, analysis['name'], mark)}"
        f'<statusCode code="completed"/><effectiveTime value="{taken}"/>'
        f'<value xsi:type="PQ" value="{value}" unit={unit}/>'
        f"{coded('interpretationCode', flag, _INTERPRETATION, _INTERPRETATIONS[flag])}"
        '<referenceRange typeCode="REFV"><observationRange classCode="OBS" moodCode="EVN.CRT">'
        f'<value xsi:type="IVL_PQ"><low value="{low}" unit={unit}/>'
        f'<high value="{high}" unit={unit}/></value>'
        f"{coded('interpretationCode', 'N', _INTERPRETATION, 'Normal')}"
        "</observationRange></referenceRange></observation></entryRelationship>"
    )


def _copy(document: PlannedDocument, rng: Random) -> str:
    """The PDF copy of a biology report (FR-Document-PDF-copie; SPEC g, wave 2)."""
    kind = document.kind
    copy = coded("code", "55108-5", LOINC, "Copie du document")
    media = pdf_base64(kind.name, kind.title, int(rng.random() * VARIANTS))
    entry = (
        '<entry><organizer classCode="CLUSTER" moodCode="EVN">'
        f'<templateId root="1.2.250.1.213.1.1.3.18"/><id root="{_uuid(rng)}"/>'
        f"{coded('code', '55107-7', LOINC, 'Document attaché')}"
        '<statusCode code="completed"/><component>'
        '<observationMedia classCode="OBS" moodCode="EVN" ID="copie">'
        f'<value mediaType="{PDF}" representation="B64">{media}</value>'
        "</observationMedia></component></organizer></entry>"
    )
    text = '<renderMultiMedia referencedObject="copie"/>'
    return _section(("1.2.250.1.213.1.1.2.243",), copy, "Copie du document", text, entry)
