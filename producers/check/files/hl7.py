"""A message of HL7 v2 in a file: what its ACK would say, and all that is wrong with its CDA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ingest.runtime.settings import Settings
from producers.cda.refused import Refused
from producers.check.finding import FileReport, Finding
from producers.check.rules.rule_checker import NOT_LOOKED_AT, RuleChecker
from producers.hl7v2.errors import Hl7Error
from producers.hl7v2.message.parsing import read_message
from producers.hl7v2.order.order import Order, check_processing, read_order
from producers.hl7v2.sending.feed_message import document_of, feed_message
from producers.hl7v2.sending.provenance import provenance_of_order
from producers.send.file_sender import Request
from schemas.rules.table.rejections import Rejection

from .cda import check_cda

_DEPOSIT: Final = "DepositDocument"
_OF_MESSAGE: Final = "document.replaces"
"""The field of a document that comes from the HL7 message; the others come from its CDA."""


def is_hl7(data: bytes) -> bool:
    """True when these bytes begin as a message of HL7 v2 does."""
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()[:3] == b"MSH"


def check_hl7(
    file: str, data: bytes, rules: RuleChecker, settings: Settings, now: float
) -> FileReport:
    """The first rule of the volet that is broken, then those of the CDA; never raises."""
    try:
        message = read_message(data)
        check_processing(message, rules.environment)
        order = read_order(message)
    except Hl7Error as error:
        findings = rules.findings([_rejection(error)])
        return FileReport(file, "hl7", None, tuple(findings), (NOT_LOOKED_AT,))
    findings = rules.findings([Rejection(code) for code in order.remarks])
    schema, of_message = _of_message(order, rules, settings, now)
    findings += of_message
    if order.content is None or schema not in (None, _DEPOSIT):
        return FileReport(file, "hl7", schema, tuple(findings))
    checked = check_cda(
        order.content,
        rules,
        settings,
        now,
        lambda found: provenance_of_order(settings, order, found, Request(), now),
    )
    unlooked = tuple(checked.unlooked)
    return FileReport(file, "hl7", schema, (*findings, *checked.findings), unlooked)


def content_of(data: bytes) -> bytes | None:
    """The bytes of the document in a message; None when there is none that can be read."""
    try:
        return read_order(read_message(data)).content
    except Hl7Error:
        return None


def _of_message(
    order: Order, rules: RuleChecker, settings: Settings, now: float
) -> tuple[str | None, list[Finding]]:
    """The schema of the feed message, None without one, and what the HL7 message does wrong."""
    try:
        found = document_of(order, rules.environment, rules.content_bytes_max)
        provenance = provenance_of_order(settings, order, found, Request(), now)
        message = feed_message(order, found, provenance)
    except Hl7Error as error:
        return None, rules.findings([_rejection(error)])
    except Refused:  # of the document: `check_cda` names each reason
        return None, []
    datum: Mapping[str, Any] = {"messageId": bytes(16), **message.fields}
    broken = rules.broken(message.schema, datum)
    findings = rules.findings(broken.rejections + rules.soft(message.schema, broken))
    if message.schema != _DEPOSIT:
        return message.schema, findings
    return message.schema, [finding for finding in findings if finding.path == _OF_MESSAGE]


def _rejection(error: Hl7Error) -> Rejection:
    return Rejection(error.code, error.location or None)
