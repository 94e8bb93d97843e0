"""Our events as the eventsourcing library sees them: a class per stable name, and its Mapper.

For analysts: `MAPPER_TOPIC=ingest.eventstore.library.events:HistoireMapper`. The library's own
Mapper takes a topic for a Python path; ours knows the names of the log, and leaves the rest to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, StoredEvent

from schemas import events as names
from schemas.codec.messages import decode_event


@dataclass(frozen=True)
class LogEvent:
    """An event of the log. `said`: its Avro record, resolved to the newest version.

    Dispatch on the subclass (`functools.singledispatchmethod` works).
    """

    originator_id: UUID
    originator_version: int
    said: Mapping[str, Any]


class Erased(LogEvent):
    """An event of a person who was erased: that it was is known, not what it said."""


class DocumentSubmitted(LogEvent):
    """document_submitted."""


class DocumentReplaced(LogEvent):
    """document_replaced."""


class DocumentVisibilityChanged(LogEvent):
    """document_visibility_changed."""


class DocumentArchived(LogEvent):
    """document_archived."""


class DocumentUnarchived(LogEvent):
    """document_unarchived."""


class DocumentDeleted(LogEvent):
    """document_deleted."""


class DocumentContentAdded(LogEvent):
    """document_content_added."""


class RecordOpened(LogEvent):
    """record_opened."""


class RecordActivated(LogEvent):
    """record_activated."""


class IdentityDeclared(LogEvent):
    """identity_declared."""


class IdentityRevoked(LogEvent):
    """identity_revoked."""


class RecordOpposed(LogEvent):
    """record_opposed."""


class OppositionWithdrawn(LogEvent):
    """opposition_withdrawn."""


class RecordClosed(LogEvent):
    """record_closed."""


class RecordLinked(LogEvent):
    """record_linked."""


class RecordUnlinked(LogEvent):
    """record_unlinked."""


class AccessAuthorised(LogEvent):
    """access_authorised."""


class AccessWithdrawn(LogEvent):
    """access_withdrawn."""


class ProfessionalBlocked(LogEvent):
    """professional_blocked."""


class ProfessionalUnblocked(LogEvent):
    """professional_unblocked."""


class EmergencyAccessOpposed(LogEvent):
    """emergency_access_opposed."""


class EmergencyOppositionWithdrawn(LogEvent):
    """emergency_opposition_withdrawn."""


class AttendingPhysicianDesignated(LogEvent):
    """attending_physician_designated."""


class AttendingPhysicianEnded(LogEvent):
    """attending_physician_ended."""


class RecordAccessed(LogEvent):
    """record_accessed."""


class RegistryOpened(LogEvent):
    """registry_opened."""


class SoftwareReferenced(LogEvent):
    """software_referenced."""


class SoftwareWithdrawn(LogEvent):
    """software_withdrawn."""


class CompanyCertified(LogEvent):
    """company_certified."""


class CompanyWithdrawn(LogEvent):
    """company_withdrawn."""


class ServiceReferenced(LogEvent):
    """service_referenced."""


class ServiceEvaluated(LogEvent):
    """service_evaluated."""


class ServiceWithdrawn(LogEvent):
    """service_withdrawn."""


CLASS_OF: Final[Mapping[str, type[LogEvent]]] = {
    names.DOCUMENT_SUBMITTED: DocumentSubmitted,
    names.DOCUMENT_REPLACED: DocumentReplaced,
    names.DOCUMENT_VISIBILITY_CHANGED: DocumentVisibilityChanged,
    names.DOCUMENT_ARCHIVED: DocumentArchived,
    names.DOCUMENT_UNARCHIVED: DocumentUnarchived,
    names.DOCUMENT_DELETED: DocumentDeleted,
    names.DOCUMENT_CONTENT_ADDED: DocumentContentAdded,
    names.RECORD_OPENED: RecordOpened,
    names.RECORD_ACTIVATED: RecordActivated,
    names.IDENTITY_DECLARED: IdentityDeclared,
    names.IDENTITY_REVOKED: IdentityRevoked,
    names.RECORD_OPPOSED: RecordOpposed,
    names.OPPOSITION_WITHDRAWN: OppositionWithdrawn,
    names.RECORD_CLOSED: RecordClosed,
    names.RECORD_LINKED: RecordLinked,
    names.RECORD_UNLINKED: RecordUnlinked,
    names.ACCESS_AUTHORISED: AccessAuthorised,
    names.ACCESS_WITHDRAWN: AccessWithdrawn,
    names.PROFESSIONAL_BLOCKED: ProfessionalBlocked,
    names.PROFESSIONAL_UNBLOCKED: ProfessionalUnblocked,
    names.EMERGENCY_ACCESS_OPPOSED: EmergencyAccessOpposed,
    names.EMERGENCY_OPPOSITION_WITHDRAWN: EmergencyOppositionWithdrawn,
    names.ATTENDING_PHYSICIAN_DESIGNATED: AttendingPhysicianDesignated,
    names.ATTENDING_PHYSICIAN_ENDED: AttendingPhysicianEnded,
    names.RECORD_ACCESSED: RecordAccessed,
    names.REGISTRY_OPENED: RegistryOpened,
    names.SOFTWARE_REFERENCED: SoftwareReferenced,
    names.SOFTWARE_WITHDRAWN: SoftwareWithdrawn,
    names.COMPANY_CERTIFIED: CompanyCertified,
    names.COMPANY_WITHDRAWN: CompanyWithdrawn,
    names.SERVICE_REFERENCED: ServiceReferenced,
    names.SERVICE_EVALUATED: ServiceEvaluated,
    names.SERVICE_WITHDRAWN: ServiceWithdrawn,
}
"""Stable name to class; the same names as `schemas.events.SCHEMA_OF`."""


class HistoireMapper(Mapper[UUID]):
    """Opens events of the log by name; events of the library as the library does."""

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """A `LogEvent` for a name of the log (`Erased` when it can't be read any more)."""
        cls = CLASS_OF.get(stored_event.topic)
        if cls is None:
            return super().to_domain_event(stored_event)
        said: Mapping[str, Any] = {}
        if stored_event.state:
            said = decode_event(names.SCHEMA_OF[stored_event.topic], stored_event.state)
        else:
            cls = Erased
        stream = stored_event.originator_id
        if isinstance(stream, str):
            stream = UUID(stream)
        return cls(stream, stored_event.originator_version, said)
