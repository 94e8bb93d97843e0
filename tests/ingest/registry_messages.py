"""Messages of the topic `registry` for tests."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from tests.ingest.feed_messages import SOFTWARE, actor, provenance

OPERATOR = "1.2.250.1.71.4.2.2^1999999999"
COMPANY = "1.2.250.1.71.4.2.2^1990000001"
SERVICE = "test-service-sommeil"
RECEIVED_DAY = "20231114"
"""The day of the messages of `feed_messages.feed_record`."""

Message = tuple[str, dict[str, Any]]


def moment(day: str, hour: int = 12) -> int:
    """Milliseconds at that hour UTC."""
    return (
        int(datetime.strptime(f"{day}{hour:02}", "%Y%m%d%H").replace(tzinfo=UTC).timestamp()) * 1000
    )


def message(schema: str, entry: str, /, **fields: Any) -> Message:
    return schema, {
        "messageId": uuid.uuid4().bytes,
        "provenance": provenance(actor("1.2.250.1.213.1.9^registre", "AUTOMATE", OPERATOR)),
        "id": entry,
        **fields,
    }


def reference(
    entry: str = SOFTWARE, first: str = "20230101", last: str | None = "20241231", **fields: Any
) -> Message:
    said = {
        "publisher": "Éditeur",
        "product": "LGC",
        "version": "1",
        "sector": "MDV",
        "approval": "LGC-2023-0001",
        "referencedFrom": first,
        "referencedUntil": last,
    }
    return message("ReferenceSoftware", entry, **{**said, **fields})


def certify(entry: str = COMPANY, first: str = "20230101", last: str = "20241231") -> Message:
    return message(
        "CertifyTeleconsultationCompany",
        entry,
        company="Visio Docteurs",
        certificateNumber="TLC-1",
        certifiedFrom=first,
        certifiedUntil=last,
    )


def service(
    entry: str = SERVICE, first: str = "20230101", last: str | None = None, **fields: Any
) -> Message:
    said = {"publisher": "Éditeur", "name": "Sommeil", "track": None, "certificateNumber": None}
    days = {"referencedFrom": first, "referencedUntil": last}
    return message("ReferenceService", entry, **{**said, **days, **fields})


def evaluate(entry: str = SERVICE, day: str = "20230601", **fields: Any) -> Message:
    said = {"conclusion": "COMPLIANT", "correctBefore": None, "report": "R-1"}
    return message("EvaluateService", entry, evaluatedOn=day, **{**said, **fields})


def withdraw(entry: str = SOFTWARE, day: str = "20230601", kind: str = "SOFTWARE") -> Message:
    reason = "Contrôle non conforme"
    return message("WithdrawReference", entry, kind=kind, withdrawnFrom=day, reason=reason)
