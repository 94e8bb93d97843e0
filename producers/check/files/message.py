"""A message of the feed in a file, in Avro (single-object encoding) or as JSON."""

from __future__ import annotations

from dataclasses import replace

from producers.check.finding import FileReport, Finding, of_rule
from producers.check.rules.rule_checker import NOT_LOOKED_AT, RuleChecker
from schemas.codec.messages import MARKER, Decoded, decode
from schemas.feed.messages import TOPIC_OF
from schemas.rules.document.technical import DICOM_MIME_TYPE
from schemas.rules.table.rejections import Rejection

from .json_message import BOM, NotAMessage, avro_of_json


def is_message(data: bytes) -> bool:
    """True when these bytes begin as a message does, and not as an XML file."""
    return data[:2] == MARKER or data.removeprefix(BOM).lstrip()[:1] == b"{"


def document_in(data: bytes) -> bytes | None:
    """The bytes of the CDA that a message carries; None for any other."""
    decoded = decode(data) if data[:2] == MARKER else None
    if not isinstance(decoded, Decoded) or decoded.name != "DepositDocument":
        return None
    document = decoded.datum["document"]
    content: bytes | None = decoded.datum["content"]
    return None if document["mimeType"] == DICOM_MIME_TYPE else content


def avro_of(data: bytes) -> bytes:
    """The message in Avro, whichever form it has. Raises NotAMessage."""
    return data if data[:2] == MARKER else avro_of_json(data)


def check_message(file: str, data: bytes, rules: RuleChecker) -> FileReport:
    """All rules that this message in Avro breaks; never raises, whatever the bytes."""
    decoded = decode(data)
    if isinstance(decoded, Rejection):
        return FileReport(file, "message", None, tuple(rules.findings([decoded])))
    if decoded.name not in TOPIC_OF:
        rejection = Rejection("schema_not_of_topic")
        return FileReport(file, "message", decoded.name, tuple(rules.findings([rejection])))
    broken = rules.broken(decoded.name, decoded.datum)
    findings = rules.findings(broken.rejections + rules.soft(decoded.name, broken))
    unlooked = () if broken.complete else (NOT_LOOKED_AT,)
    return FileReport(file, "message", decoded.name, tuple(findings), unlooked)


def malformed(error: NotAMessage, rules: RuleChecker) -> Finding:
    """The finding for JSON that is no message."""
    found = of_rule(Rejection("malformed", error.path), "reject", rules.page)
    return replace(
        found,
        french=f"{found.french} {error.french}",
        english=f"{found.english} {error.english}",
        repair="See the fields with histoire schemas show RECORD.",
    )
