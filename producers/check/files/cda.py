"""A CDA file: the deposit that `histoire send` would make of it, and all that is wrong with it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ingest.runtime.settings import Settings
from producers.cda.deposit import Flags, Refused, check_document, deposit
from producers.check.finding import Finding
from producers.check.places import place_and_line
from producers.check.remarks import remarks
from producers.check.rules.of_message import UNLOOKED, Judge
from producers.check.rules.valid_values import SOUND
from producers.send.provenance import provenance_of
from schemas import valuesets
from schemas.cda import Author as CdaAuthor
from schemas.cda import CdaDocument, CdaUnreadable, Coded, LegalAuthenticator, PatientIns, read_cda
from schemas.cda.elements import CLINICAL_DOCUMENT, Element
from schemas.cda.hardened import hardened_tree
from schemas.feed.messages import Provenance
from schemas.forms.identity import accepted_oids
from schemas.rules.table.rejections import REJECTIONS, Rejection

MESSAGE: Final = "DepositDocument"
_TURNS_MAX: Final = 40
Speaks = Callable[[CdaDocument], Provenance]
"""Who speaks in the message that brings a document."""


@dataclass(frozen=True, slots=True)
class CheckedCda:
    """What was found in a CDA; `unlooked`: what could not be looked at."""

    findings: list[Finding]
    unlooked: list[str]
    readable: bool


def check_cda(
    data: bytes, judge: Judge, settings: Settings, now: float, speaks: Speaks | None = None
) -> CheckedCda:
    """Everything that is wrong with this document; never raises, whatever the bytes.

    `now`: seconds since 1970, the time of the message. `speaks`: who sends it; None: who would
    speak in `histoire send`.
    """
    found = read_cda(data)
    document = clinical_document(data)
    if isinstance(found, CdaUnreadable) or document is None:
        refusal = found if isinstance(found, CdaUnreadable) else _UNREAD
        return CheckedCda([remarks.refusal(refusal, judge.page)], [], False)
    findings = judge.findings(_size_right(data, judge))
    unlooked: list[str] = []

    def of_send(document: CdaDocument) -> Provenance:
        return provenance_of(settings, document, None, None, now)

    refusals, datum = _deposit(found, data, judge, speaks or of_send)
    findings += [_of_refusal(refusal, judge) for refusal in refusals]
    if datum is None:
        unlooked.append(UNLOOKED)
    else:
        broken = judge.broken(MESSAGE, datum)
        findings += judge.findings(broken.rejections + judge.soft(MESSAGE, broken))
        if not broken.complete:
            unlooked.append(UNLOOKED)
    placed = [_placed(finding, document, found) for finding in _once(findings)]
    placed += remarks.findings_of(document, found.problems, tuple(placed), judge.remarks_page)
    return CheckedCda(placed, unlooked, True)


_UNREAD: Final = CdaUnreadable("no_clinical_document", "The file holds no ClinicalDocument.")


def remarks_on(data: bytes, named: Iterable[Finding], page: str) -> list[Finding]:
    """What should be known of a document beside the rules it breaks, which are `named`.

    `page`: address of the documentation of the remarks.
    """
    found, document = read_cda(data), clinical_document(data)
    if isinstance(found, CdaUnreadable) or document is None:
        return []
    return remarks.findings_of(document, found.problems, named, page)


def clinical_document(data: bytes) -> Element | None:
    """The document as the root of a tree of its own, with the lines of the file.

    Also where the file holds it inside a stylesheet; None when it can't be read.
    """
    root = hardened_tree(data)
    if isinstance(root, CdaUnreadable):
        return None
    if root.tag == CLINICAL_DOCUMENT:
        return root
    inner = next(root.iter(CLINICAL_DOCUMENT), None)
    # A copy has the lines of the original and none of its ancestors.
    return None if inner is None else copy.copy(inner)


def _size_right(data: bytes, judge: Judge) -> list[Rejection]:
    return [Rejection("too_large", "content")] if len(data) > judge.content_bytes_max else []


def _deposit(
    found: CdaDocument, data: bytes, judge: Judge, speaks: Speaks
) -> tuple[list[Refused], dict[str, Any] | None]:
    """Why `histoire send` would not send it, each reason, and the deposit with those mended.

    Its bytes are left out when something was mended: they say something else. None instead of a
    deposit when what is refused cannot be mended.
    """
    refusals: list[Refused] = []
    for _ in range(_TURNS_MAX):
        try:
            check_document(found, judge.environment)
            datum = deposit(found, data, bytes(16), speaks(found), Flags())
        except Refused as refusal:
            known = [(r.code, r.path) for r in refusals]
            mend = _MENDS.get(refusal.path or "")
            if mend is None or (refusal.code, refusal.path) in known:
                return [*refusals, refusal], None
            refusals.append(refusal)
            found = mend(found, judge)
        else:
            return refusals, {**datum, "content": None if refusals else data}
    return refusals, None


def _of_refusal(refusal: Refused, judge: Judge) -> Finding:
    if refusal.code in REJECTIONS:
        return judge.finding(Rejection(refusal.code, refusal.path), "reject")
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
    """Without what is said of the actor and of the document alike: he is its author, as a rule."""
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


def _ins(found: CdaDocument, judge: Judge) -> CdaDocument:
    """A document without one INS gets one; of the one it has, the OID alone is mended."""
    ins = found.ins or PatientIns("", SOUND["ins"]["matricule"], True)
    return replace(found, ins=replace(ins, oid=min(accepted_oids(judge.environment))))


def _matricule(found: CdaDocument, judge: Judge) -> CdaDocument:
    oid = found.ins.oid if found.ins else min(accepted_oids(judge.environment))
    return replace(found, ins=PatientIns(oid, SOUND["ins"]["matricule"], True))


def _type(found: CdaDocument, judge: Judge) -> CdaDocument:
    code = SOUND["document"]["typeCode"]
    return replace(found, type=Coded(code, ""), class_code=valuesets.class_of(code))


def _signer(found: CdaDocument, judge: Judge) -> CdaDocument:
    sound = SOUND["document"]["legalAuthenticatorId"]
    return replace(found, legal_authenticator=LegalAuthenticator(sound, None, None))


def _signature(found: CdaDocument, judge: Judge) -> CdaDocument:
    signer = found.legal_authenticator
    return replace(found, legal_authenticator=signer and replace(signer, time=None))


def _authors(found: CdaDocument, judge: Judge) -> CdaDocument:
    sound = SOUND["document"]["authors"][0]["id"]
    return replace(found, authors=(CdaAuthor(sound, *[None] * 7),))


def _field(name: str, of_document: str) -> Callable[[CdaDocument, Judge], CdaDocument]:
    value = SOUND["document"][of_document]
    return lambda found, judge: replace(found, **{name: value})


_MENDS: Final[Mapping[str, Callable[[CdaDocument, Judge], CdaDocument]]] = {
    "ins": _ins,
    "ins.oid": _ins,
    "ins.matricule": _matricule,
    "document.typeCode": _type,
    "document.classCode": _type,
    "document.authors": _authors,
    "document.legalAuthenticatorId": _signer,
    "document.legalAuthenticationTime": _signature,
    "document.uniqueId": _field("unique_id", "uniqueId"),
    "document.replaces": _field("replaces", "replaces"),
    "document.formatCode": _field("format_code", "formatCode"),
    "document.languageCode": _field("language", "languageCode"),
    "document.title": _field("title", "title"),
    "document.creationTime": _field("creation_time", "creationTime"),
    "document.serviceStartTime": _field("service_start", "serviceStartTime"),
    "document.serviceStopTime": _field("service_stop", "serviceStopTime"),
    "document.healthcareFacilityTypeCode": _field("facility_type", "healthcareFacilityTypeCode"),
    "document.practiceSettingCode": _field("practice_setting", "practiceSettingCode"),
    "document.confidentialityCode": _field("confidentiality", "confidentialityCode"),
}
