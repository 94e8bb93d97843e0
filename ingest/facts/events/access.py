"""The events on who has access to a record."""

from schemas import events as names
from schemas.events import (
    AccessAuthorised,
    AccessWithdrawn,
    AttendingPhysicianDesignated,
    AttendingPhysicianEnded,
    EmergencyAccessOpposed,
    EmergencyOppositionWithdrawn,
    ProfessionalBlocked,
    ProfessionalUnblocked,
    RecordAccessed,
)
from schemas.feed.access_messages import (
    AuthoriseAccess,
    BlockProfessional,
    DesignateAttendingPhysician,
    OpposeEmergencyAccess,
    RecordAccess,
    WithdrawEmergencyOpposition,
)
from schemas.feed.messages import Provenance
from schemas.forms.stream_ids import record_stream

from .event import Event


def access_authorised(record: int, datum: AuthoriseAccess, until: int) -> Event:
    """The holder has access until this moment, in milliseconds since 1970."""
    authorised: AccessAuthorised = {
        "provenance": datum["provenance"],
        "professionalId": datum["professionalId"],
        "professionalName": datum["professionalName"],
        "until": until,
        "reason": datum["reason"],
    }
    return Event(record_stream(record), record, names.ACCESS_AUTHORISED, authorised)


def access_withdrawn(
    record: int, professional: str, provenance: Provenance, reason: str | None
) -> Event:
    """The holder has no authorisation any more."""
    withdrawn: AccessWithdrawn = {
        "provenance": provenance,
        "professionalId": professional,
        "reason": reason,
    }
    return Event(record_stream(record), record, names.ACCESS_WITHDRAWN, withdrawn)


def professional_blocked(record: int, datum: BlockProfessional) -> Event:
    """The holder is shut out of the record."""
    blocked: ProfessionalBlocked = {
        "provenance": datum["provenance"],
        "professionalId": datum["professionalId"],
        "professionalName": datum["professionalName"],
        "reason": datum["reason"],
    }
    return Event(record_stream(record), record, names.PROFESSIONAL_BLOCKED, blocked)


def professional_unblocked(
    record: int, professional: str, provenance: Provenance, reason: str | None
) -> Event:
    """The holder is no longer shut out; this gives nothing back by itself."""
    unblocked: ProfessionalUnblocked = {
        "provenance": provenance,
        "professionalId": professional,
        "reason": reason,
    }
    return Event(record_stream(record), record, names.PROFESSIONAL_UNBLOCKED, unblocked)


def attending_physician_designated(record: int, datum: DesignateAttendingPhysician) -> Event:
    """The holder is the attending physician."""
    designated: AttendingPhysicianDesignated = {
        "provenance": datum["provenance"],
        "professionalId": datum["professionalId"],
        "professionalName": datum["professionalName"],
        "reason": datum["reason"],
    }
    stream = record_stream(record)
    return Event(stream, record, names.ATTENDING_PHYSICIAN_DESIGNATED, designated)


def attending_physician_ended(
    record: int, professional: str, provenance: Provenance, reason: str | None
) -> Event:
    """The holder is no longer the attending physician."""
    ended: AttendingPhysicianEnded = {
        "provenance": provenance,
        "professionalId": professional,
        "reason": reason,
    }
    return Event(record_stream(record), record, names.ATTENDING_PHYSICIAN_ENDED, ended)


def emergency_access_opposed(record: int, datum: OpposeEmergencyAccess) -> Event:
    """The person opposes this mode of emergency access beforehand."""
    opposed: EmergencyAccessOpposed = {
        "provenance": datum["provenance"],
        "access": datum["access"],
        "reason": datum["reason"],
    }
    return Event(record_stream(record), record, names.EMERGENCY_ACCESS_OPPOSED, opposed)


def emergency_opposition_withdrawn(record: int, datum: WithdrawEmergencyOpposition) -> Event:
    """The person no longer opposes this mode of emergency access."""
    withdrawn: EmergencyOppositionWithdrawn = {
        "provenance": datum["provenance"],
        "access": datum["access"],
        "reason": datum["reason"],
    }
    stream = record_stream(record)
    return Event(stream, record, names.EMERGENCY_OPPOSITION_WITHDRAWN, withdrawn)


def record_accessed(record: int, datum: RecordAccess) -> Event:
    """The record was consulted, or somebody tried."""
    accessed: RecordAccessed = {
        "provenance": datum["provenance"],
        "mode": datum["mode"],
        "motive": datum["motive"],
        "action": datum["action"],
        "outcome": datum["outcome"],
        "documentIds": datum["documentIds"],
        "accessedAt": datum["accessedAt"],
    }
    return Event(record_stream(record), record, names.RECORD_ACCESSED, accessed)
