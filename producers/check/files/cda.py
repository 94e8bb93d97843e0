"""A CDA file: the deposit that `histoire send` would make of it, and all that is wrong with it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from ingest.runtime.settings import Settings
from producers.cda.deposit import deposit
from producers.cda.refused import Refused
from producers.cda.sendable import check_document
from producers.cda.visibility import RequestedVisibility
from producers.check.finding import Finding
from producers.check.remarks import remarks
from producers.check.rules.rule_checker import NOT_LOOKED_AT, RuleChecker
from producers.check.xml_places import place_and_line
from producers.send.provenance import provenance_of
from schemas.cda import CdaDocument, CdaUnreadable, read_cda
from schemas.cda.elements import CLINICAL_DOCUMENT, Element
from schemas.cda.hardened import hardened_tree
from schemas.feed.messages import Provenance
from schemas.rules.table.rejections import REJECTIONS, Rejection

from .cda_repairs import REPAIRS

MESSAGE: Final = "DepositDocument"
_TURNS_MAX: Final = 40
_UNREAD: Final = CdaUnreadable("no_clinical_document", "The file holds no ClinicalDocument.")
ProvenanceOf = Callable[[CdaDocument], Provenance]
"""The provenance of the message that brings a document."""


@dataclass(frozen=True, slots=True)
class CheckedCda:
    """What was found in a CDA; `unlooked`: what could not be looked at."""

    findings: list[Finding]
    unlooked: list[str]
    readable: bool


def check_cda(
    data: bytes,
    rules: RuleChecker,
    settings: Settings,
    now: float,
    provenance: ProvenanceOf | None = None,
) -> CheckedCda:
    """Everything that is wrong with this document; never raises, whatever the bytes.

    `now`: seconds since 1970, the time of the message. `provenance` None: that of `histoire send`.
    """
    found = read_cda(data)
    document = clinical_document(data)
    if isinstance(found, CdaUnreadable) or document is None:
        refusal = found if isinstance(found, CdaUnreadable) else _UNREAD
        return CheckedCda([remarks.refusal(refusal, rules.page)], [], readable=False)
    findings = rules.findings(_size_right(data, rules))
    unlooked: list[str] = []

    def of_send(document: CdaDocument) -> Provenance:
        return provenance_of(settings, document, None, None, now)

    refusals, datum = _deposit(found, data, rules, provenance or of_send)
    findings += [_of_refusal(refusal, rules) for refusal in refusals]
    if datum is None:
        unlooked.append(NOT_LOOKED_AT)
    else:
        broken = rules.broken(MESSAGE, datum)
        findings += rules.findings(broken.rejections + rules.soft(MESSAGE, broken))
        if not broken.complete:
            unlooked.append(NOT_LOOKED_AT)
    placed = [_placed(finding, document, found) for finding in _once(findings)]
    placed += remarks.findings_of(document, found.problems, tuple(placed), rules.remarks_page)
    return CheckedCda(placed, unlooked, readable=True)


def remarks_on(data: bytes, named: Iterable[Finding], page: str) -> list[Finding]:
    """The remarks on a document, but for those that the broken rules in `named` tell already.

    `page`: address of the documentation of the remarks.
    """
    found, document = read_cda(data), clinical_document(data)
    if isinstance(found, CdaUnreadable) or document is None:
        return []
    return remarks.findings_of(document, found.problems, named, page)


def clinical_document(data: bytes) -> Element | None:
    """The document as the root of a tree of its own, with the lines of the file.

    A file may hold it inside a stylesheet. None when the document can't be read.
    """
    root = hardened_tree(data)
    if isinstance(root, CdaUnreadable):
        return None
    if root.tag == CLINICAL_DOCUMENT:
        return root
    inner = next(root.iter(CLINICAL_DOCUMENT), None)
    # A copy has the lines of the original and none of its ancestors.
    return None if inner is None else copy.copy(inner)


def _size_right(data: bytes, rules: RuleChecker) -> list[Rejection]:
    return [Rejection("too_large", "content")] if len(data) > rules.content_bytes_max else []


def _deposit(
    found: CdaDocument, data: bytes, rules: RuleChecker, provenance: ProvenanceOf
) -> tuple[list[Refused], dict[str, Any] | None]:
    """Each reason why `histoire send` would not send the document, and the repaired deposit.

    The deposit has no bytes when something was repaired: they would contradict it. It is None when
    a reason can't be repaired.
    """
    refusals: list[Refused] = []
    for _ in range(_TURNS_MAX):
        try:
            check_document(found, rules.environment)
            fields = deposit(found, data, provenance(found), RequestedVisibility())
        except Refused as refusal:
            known = [(r.code, r.path) for r in refusals]
            repair = REPAIRS.get(refusal.path or "")
            if repair is None or (refusal.code, refusal.path) in known:
                return [*refusals, refusal], None
            refusals.append(refusal)
            found = repair(found, rules)
        else:
            content = None if refusals else data
            return refusals, {"messageId": bytes(16), **fields, "content": content}
    return refusals, None


def _of_refusal(refusal: Refused, rules: RuleChecker) -> Finding:
    if refusal.code in REJECTIONS:
        return rules.finding(Rejection(refusal.code, refusal.path), "reject")
    return Finding(
        source="rules",
        severity="reject",
        rule=None,
        code=refusal.code,
        french=refusal.french,
        english=refusal.english,
        path=refusal.path,
        repair=remarks.REMARKS[refusal.code].repair if refusal.code in remarks.REMARKS else None,
    )


def _once(findings: list[Finding]) -> list[Finding]:
    """A fault of the document's author is named once: as a rule the actor is the same person."""
    of_document = {f.code for f in findings if (f.path or "").startswith("document.")}
    return [
        f
        for f in findings
        if not ((f.path or "").startswith("provenance.actor.") and f.code in of_document)
    ]


def _placed(finding: Finding, document: Element, found: CdaDocument) -> Finding:
    if finding.path is None:
        return finding
    place, line = place_and_line(document, found, finding.path)
    return replace(finding, place=place, line=line)
