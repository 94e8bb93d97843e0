"""The remarks of the reader of CDA as findings; `remarks.tsv` explains each code."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import Final, cast

from producers.check.finding import Finding, Severity, of_rule
from schemas.cda import CdaRemark, CdaUnreadable, UnreadableCode
from schemas.cda.elements import Element, line_at
from schemas.rules.table.rejections import Rejection


@dataclass(frozen=True, slots=True)
class RemarkRow:
    """One row of the table. `repair`: what to do, in English as all repairs.

    `place`: where in the document; empty where the remark itself says it.
    """

    code: str
    rule: str
    severity: Severity
    french: str
    repair: str
    place: str

    def link(self, page: str) -> str:
        """Where `page`, the documentation of the remarks, explains this one."""
        return f"{page}#{self.rule}"


def _load() -> Mapping[str, RemarkRow]:
    text = resources.files("producers.check.remarks").joinpath("remarks.tsv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return {
        row["code"]: RemarkRow(
            code=row["code"],
            rule=row["rule"],
            severity=cast(Severity, row["severity"]),
            french=row["french"],
            repair=row["repair"],
            place=row["place"],
        )
        for row in rows
    }


REMARKS: Final = _load()
"""Every code a `CdaRemark` may have."""

_BETWEEN: Final = re.compile(r", | and ")
_UNEXPLAINED: Final = RemarkRow(
    code="",
    rule="",
    severity="warn",
    french="Le document appelle une remarque.",
    repair="",
    place="",
)
_REFUSALS: Final[Mapping[UnreadableCode, str]] = {
    "unreadable": "Le fichier ne peut pas être lu.",
    "empty": "Le fichier est vide.",
    "too_large": "Le fichier est trop grand.",
    "too_many_elements": "Le document a trop d'éléments.",
    "too_many_attributes": "Le document a trop d'attributs.",
    "too_deep": "Les éléments sont imbriqués trop profondément.",
    "encoding_not_accepted": "L'encodage n'est pas admis : écrivez en UTF-8.",
    "doctype": "Une déclaration de type de document (DTD, entités) est refusée.",
    "not_xml": "Le fichier n'est pas du XML bien formé.",
    "no_clinical_document": "Le fichier ne contient pas de ClinicalDocument.",
    "several_clinical_documents": "Le fichier contient plusieurs ClinicalDocument.",
    "several_of_one": "Un élément qui doit être unique figure deux fois.",
}


def findings_of(
    document: Element, problems: Iterable[CdaRemark], named: Iterable[Finding], page: str
) -> list[Finding]:
    """A finding for each problem that no broken rule in `named` tells already.

    A problem with several places is told as well when one of them is in no finding of `named`.
    `page`: address of the documentation of the remarks.
    """
    places: dict[str, set[str | None]] = {}
    for finding in named:
        places.setdefault(finding.code, set()).add(finding.place)
    return [
        _finding(document, problem, page)
        for problem in problems
        if problem.code not in places or not _places(problem) <= places[problem.code]
    ]


def _places(problem: CdaRemark) -> set[str | None]:
    """Where the problem is, as its sentence says: `... at a, b and c.`"""
    _, separator, places = problem.detail.rpartition(" at ")
    return set(_BETWEEN.split(places.removesuffix("."))) if separator and "/" in places else set()


def _finding(document: Element, problem: CdaRemark, page: str) -> Finding:
    remark = REMARKS.get(problem.code, _UNEXPLAINED)
    return Finding(
        source="cda",
        severity=remark.severity,
        rule=remark.rule or None,
        code=problem.code,
        french=remark.french,
        english=problem.detail,
        place=remark.place or None,
        line=problem.line or (line_at(document, remark.place) if remark.place else None),
        repair=remark.repair or None,
        documentation=remark.link(page) if remark.rule else None,
    )


def refusal(found: CdaUnreadable, page: str) -> Finding:
    """The finding for bytes that are no CDA that can be read."""
    refused = of_rule(Rejection("content_refused", "content"), "reject", page)
    return replace(
        refused,
        french=f"{refused.french} {_REFUSALS[found.code]}",
        english=f"{refused.english} {found.detail}",
    )


def unreadable(reason: str) -> Finding:
    """The finding for a file that can't be read."""
    return Finding(
        source="cda",
        severity="reject",
        rule=None,
        code="file_unreadable",
        french="Le fichier ne peut pas être lu.",
        english=f"The file cannot be read: {reason}.",
    )
