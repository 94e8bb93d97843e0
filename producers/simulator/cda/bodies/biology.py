"""Results of a laboratory: a chapter for each panel, with the same results in table and entries."""

from random import Random
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from producers.simulator.cda.elements import coded
from producers.simulator.moments import literal
from producers.simulator.plan.documents import LOINC
from producers.simulator.plan.planned import PlannedDocument
from producers.simulator.randomness import between

from .pdf import pdf_copy
from .section import code_of_mark, section, template_ids

_ABNORMAL: Final = 0.15
_INTERPRETATIONS: Final = {
    "N": "Normal",
    "H": "Anormalement haut",
    "L": "Anormalement bas",
}
_INTERPRETATION: Final = "2.16.840.1.113883.5.83"
_STATUS: Final = {"partial": "active", "complete": "completed"}
_CHAPTER_TEMPLATES: Final = ("1.3.6.1.4.1.19376.1.3.3.2.1", "1.2.250.1.213.1.1.2.70")
_ITEM_TEMPLATES: Final = ("1.3.6.1.4.1.19376.1.3.3.2.2", "1.2.250.1.213.1.1.2.71")
_RESULT_TEMPLATES: Final = ("1.3.6.1.4.1.19376.1.3.1.6", "1.2.250.1.213.1.1.3.80")


def biology(document: PlannedDocument, panels: list[dict[str, Any]], rng: Random) -> str:
    """The chapters of the panels of the document and, where its kind has one, its PDF copy."""
    chapters = "".join(
        _chapter(document, panels[number], number, rng) for number in document.panels
    )
    return chapters + (pdf_copy(document, rng) if document.kind.pdf_copy else "")


def _chapter(document: PlannedDocument, panel: dict[str, Any], number: int, rng: Random) -> str:
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
    item = section(_ITEM_TEMPLATES, code, None, text, entry)
    return (
        f"<component><section>{template_ids(_CHAPTER_TEMPLATES)}{code}"
        f"<title>{escape(panel['title'])}</title>{item}</section></component>"
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
        f"{template_ids(_RESULT_TEMPLATES)}"
        f"{code_of_mark(analysis['code'], LOINC, analysis['name'], mark)}"
        f'<statusCode code="completed"/><effectiveTime value="{taken}"/>'
        f'<value xsi:type="PQ" value="{value}" unit={unit}/>'
        f"{coded('interpretationCode', flag, _INTERPRETATION, _INTERPRETATIONS[flag])}"
        '<referenceRange typeCode="REFV"><observationRange classCode="OBS" moodCode="EVN.CRT">'
        f'<value xsi:type="IVL_PQ"><low value="{low}" unit={unit}/>'
        f'<high value="{high}" unit={unit}/></value>'
        f"{coded('interpretationCode', 'N', _INTERPRETATION, 'Normal')}"
        "</observationRange></referenceRange></observation></entryRelationship>"
    )
