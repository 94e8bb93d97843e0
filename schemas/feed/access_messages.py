"""Messages about access to a record: one TypedDict per schema of `schemas/avro/feed`.

All travel on topic `patients`, acts of the patient himself included: they are few, and their order
among the other facts of his record matters (SPEC d.5, h).
"""

from typing import Literal, TypedDict

from .messages import Ins, Provenance


class AuthoriseAccess(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    professionalId: str
    professionalName: str | None
    until: int | None
    reason: str | None


class WithdrawAccess(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    professionalId: str
    reason: str | None


class BlockProfessional(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    professionalId: str
    professionalName: str | None
    reason: str | None


class UnblockProfessional(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    professionalId: str
    reason: str | None


class OpposeEmergencyAccess(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    access: Literal["BREAK_GLASS", "REGULATION"]
    reason: str | None


class WithdrawEmergencyOpposition(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    access: Literal["BREAK_GLASS", "REGULATION"]
    reason: str | None


class DesignateAttendingPhysician(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    professionalId: str
    professionalName: str | None
    reason: str | None


class EndAttendingPhysician(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    professionalId: str
    reason: str | None


class RecordAccess(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    mode: Literal["NORMAL", "BREAK_GLASS", "REGULATION", "SECRET"]
    motive: str | None
    action: Literal["LIST", "READ"]
    outcome: Literal["GRANTED", "REFUSED"]
    documentIds: list[str]
    accessedAt: int
