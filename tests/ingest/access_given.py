"""Messages on who has access to a record: valid ones, of which a test changes what it is about."""

from __future__ import annotations

import uuid
from typing import Any

from schemas.policy.access_term import default_until
from tests.ingest.feed_messages import (
    ANNA,
    DR_A,
    DR_B,
    HOSPITAL,
    LAB,
    TRAITS,
    actor,
    ins,
    patient,
    provenance,
)

SAID_AT: int = provenance()["occurredAt"]
SIX_MONTHS = default_until(SAID_AT)


def representative() -> dict[str, Any]:
    return actor("1.2.250.1.999.2^parent", "REPRESENTANT", None)


def machine() -> dict[str, Any]:
    return actor("1.2.250.1.999.7.1", "AUTOMATE", LAB)


def doctor(who: str = DR_A, organisation: str | None = LAB) -> dict[str, Any]:
    return actor(who, "10", organisation)


def access_message(
    name: str,
    *,
    matricule: str = ANNA,
    status: str = "QUALIFIEE",
    by: dict[str, Any] | None = None,
    said_at: int = SAID_AT,
    **fields: Any,
) -> tuple[str, dict[str, Any]]:
    """By the patient unless said; a consultation by a professional. Of Dr A unless said."""
    by = by or (doctor() if name == "RecordAccess" else patient(matricule))
    datum: dict[str, Any] = {
        "messageId": uuid.uuid4().bytes,
        "provenance": {**provenance(by), "occurredAt": said_at},
        "ins": ins(matricule, status),
    }
    if name == "RecordAccess":
        datum.update(mode="NORMAL", motive=None, action="READ", outcome="GRANTED")
        datum.update(documentIds=[], accessedAt=said_at - 1000)
        if fields.get("mode") == "BREAK_GLASS":
            datum["motive"] = "Personne inconsciente"
        return name, {**datum, **fields}
    datum["reason"] = None
    if name in ("OpposeEmergencyAccess", "WithdrawEmergencyOpposition"):
        datum["access"] = "BREAK_GLASS"
    else:
        datum["professionalId"] = DR_A
    if name in ("AuthoriseAccess", "BlockProfessional", "DesignateAttendingPhysician"):
        datum["professionalName"] = "DURANT Romuald"
    if name == "AuthoriseAccess":
        datum["until"] = None
    return name, {**datum, **fields}


CHILD = {**TRAITS, "birthDate": "20150601"}
"""Traits of somebody who is eight when these messages are said."""

__all__ = ["CHILD", "DR_A", "DR_B", "HOSPITAL", "LAB", "SAID_AT", "SIX_MONTHS", "access_message"]
