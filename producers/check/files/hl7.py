"""A message of HL7 v2 in a file: what its ACK would say, and all that is wrong with its CDA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ingest.runtime.settings import Settings
from producers.cda.deposit import Refused
from producers.check.finding import FileReport, Finding
from producers.check.rules.of_message import UNLOOKED, Judge
from producers.hl7v2.faults import Hl7Fault
from producers.hl7v2.feeding import document_of, feeding
from producers.hl7v2.order import Order, check_processing, read_order
from producers.hl7v2.reading import read_message
from producers.hl7v2.sender import spoken
from producers.send.files import Request
from schemas.rules.table.rejections import Rejection

from .cda import check_cda

_DEPOSIT: Final = "DepositDocument"
_OF_MESSAGE: Final = "document.replaces"
"""The field of a document that comes from the HL7 message; the others are those of its CDA."""


def is_hl7(data: bytes) -> bool:
    """True when these bytes begin as a message of HL7 v2 does."""
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()[:3] == b"MSH"


def check_hl7(file: str, data: bytes, judge: Judge, settings: Settings, now: float) -> FileReport:
    """The first rule of the volet that is broken, then those of the CDA; never raises."""
    try:
        message = read_message(data)
        check_processing(message, judge.environment)
        order = read_order(message)
    except Hl7Fault as fault:
        findings = judge.findings([_rejection(fault)])
        return FileReport(file, "hl7", None, tuple(findings), (UNLOOKED,))
    findings = judge.findings([Rejection(code) for code in order.remarks])
    name, faults = _message(order, judge, settings, now)
    findings += faults
    if order.content is None or name not in (None, _DEPOSIT):
        return FileReport(file, "hl7", name, tuple(findings))
    checked = check_cda(
        order.content,
        judge,
        settings,
        now,
        lambda found: spoken(settings, order, found, Request(), now),
    )
    return FileReport(file, "hl7", name, (*findings, *checked.findings), tuple(checked.unlooked))


def content_of(data: bytes) -> bytes | None:
    """The bytes of the document a message carries; None when there is none that can be read."""
    try:
        return read_order(read_message(data)).content
    except Hl7Fault:
        return None


def _message(
    order: Order, judge: Judge, settings: Settings, now: float
) -> tuple[str | None, list[Finding]]:
    """What is fed, and what is wrong with what the HL7 message says of it."""
    try:
        found = document_of(order, judge.environment, judge.content_bytes_max)
        said = feeding(order, found, spoken(settings, order, found, Request(), now))
    except Hl7Fault as fault:
        return None, judge.findings([_rejection(fault)])
    except Refused:  # of the document: each reason is named where it is looked at
        return None, []
    datum: Mapping[str, Any] = {"messageId": bytes(16), **said.datum}
    broken = judge.broken(said.name, datum)
    findings = judge.findings(broken.rejections + judge.soft(said.name, broken))
    if said.name != _DEPOSIT:
        return said.name, findings
    return said.name, [finding for finding in findings if finding.path == _OF_MESSAGE]


def _rejection(fault: Hl7Fault) -> Rejection:
    return Rejection(fault.code, fault.location or None)
