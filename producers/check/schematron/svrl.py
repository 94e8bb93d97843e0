"""The report of a schematron (SVRL) as findings, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

from producers.check.finding import Finding, Severity, of_schematron, shown
from producers.check.xml_places import element_at, place_of
from schemas.cda.elements import Element, line_of

_SVRL: Final = "{http://purl.oclc.org/dsdl/svrl}"
_WARNINGS: Final = re.compile(r"warn|avertissement|attention", re.IGNORECASE)
_REMARKS: Final = re.compile(r"info|note|hint|remarque", re.IGNORECASE)
_NO_FILE: Final = frozenset({"FODC0002", "FODC0005", "FOUT1170"})
_FILE: Final = re.compile(r"file:[^\s()]*/([^\s()/]+)")
_FINDINGS_MAX: Final = 2000


def findings_of_report(report: str, document: Element, schematron: str) -> list[Finding]:
    """The findings in an SVRL report, in its order; what could not be tested is a warning.

    `schematron`: its file name. Reports of more than a few thousand findings are cut, and say so.
    """
    try:
        root = etree.fromstring(report.encode(), etree.XMLParser(huge_tree=True))
    except etree.XMLSyntaxError:
        return [_unreadable(schematron)]
    if root.tag != f"{_SVRL}schematron-output":
        return [_unreadable(schematron)]
    found: list[Finding] = list(_missing(root, schematron))
    for element in root.iter(f"{_SVRL}failed-assert", f"{_SVRL}successful-report"):
        if len(found) >= _FINDINGS_MAX:
            found.append(_cut(schematron))
            break
        found.append(_finding(element, document, schematron))
    return found


def _finding(element: Element, document: Element, schematron: str) -> Finding:
    at = element_at(document, element.get("location") or "")
    said = element.find(f"{_SVRL}text")
    text = shown("".join(map(str, said.itertext()))) if said is not None else ""
    rule = element.get("id") or element.get("ruleId") or element.get("patternId")
    sentence = text or f"{schematron}: {shown(element.get('test') or '')}"
    return Finding(
        source="schematron",
        severity=_severity(element),
        rule=shown(rule) if rule else None,
        code=schematron,
        french=sentence,
        english=sentence,
        place=None if at is None else place_of(at),
        line=line_of(at),
        documentation=element.get("see"),
    )


def _severity(element: Element) -> Severity:
    """What the schematron itself calls it: an assertion is an error, a report a remark, unless
    role, flag or severity say otherwise.
    """
    said = " ".join(element.get(name) or "" for name in ("severity", "role", "flag"))
    if _WARNINGS.search(said):
        return "warn"
    if _REMARKS.search(said):
        return "info"
    if not said.strip() and element.tag == f"{_SVRL}successful-report":
        return "info"
    return "error"


def _missing(root: Element, schematron: str) -> Iterator[Finding]:
    """Tests that could not run, counted by the file that is missing or by the code of the error."""
    files: dict[str, int] = {}
    codes: dict[str, int] = {}
    for error in root.iter(f"{_SVRL}error"):
        code = (error.get("code") or "").rpartition(":")[2]
        named = _FILE.search("".join(map(str, error.itertext())))
        if code in _NO_FILE and named is not None:
            files[named[1]] = files.get(named[1], 0) + 1
        else:
            codes[shown(code)] = codes.get(shown(code), 0) + 1
    for name, count in files.items():
        yield of_schematron(
            "warn",
            "vocabulary_missing",
            f"{schematron} : {count} test(s) impossible(s), le fichier {name} manque.",
            f"{schematron}: {count} test(s) could not run, the file {name} is missing.",
            "Put the file where the schematron looks for it.",
        )
    for code, count in codes.items():
        yield of_schematron(
            "warn",
            "test_failed_to_run",
            f"{schematron} : {count} test(s) impossible(s), erreur {code}.",
            f"{schematron}: {count} test(s) could not run, error {code}.",
            "Look for the error in the schematron.",
        )


def _unreadable(schematron: str) -> Finding:
    return of_schematron(
        "error",
        "schematron_failed",
        f"{schematron} n'a pas rendu de rapport SVRL.",
        f"{schematron} gave no SVRL report.",
    )


def _cut(schematron: str) -> Finding:
    return of_schematron(
        "warn",
        "findings_cut",
        f"{schematron} : seuls les {_FINDINGS_MAX} premiers constats sont montrés.",
        f"{schematron}: only the first {_FINDINGS_MAX} findings are shown.",
    )
