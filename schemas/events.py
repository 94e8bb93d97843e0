"""The stored events: their names for ever, and the shapes of their datums.

The store has the name and the schema version of an event, never a Python path. The datum of
`document_submitted` is the received `DepositDocument` with `content` null, not encoded again; every
other event has a schema of its own in `schemas/avro/event`.
"""

from collections.abc import Mapping
from enum import IntEnum, IntFlag
from typing import Final, Literal, TypedDict

from schemas.feed.messages import Ins, Provenance, Traits

DOCUMENT_SUBMITTED: Final = "document_submitted"
DOCUMENT_REPLACED: Final = "document_replaced"
DOCUMENT_VISIBILITY_CHANGED: Final = "document_visibility_changed"
DOCUMENT_ARCHIVED: Final = "document_archived"
DOCUMENT_UNARCHIVED: Final = "document_unarchived"
DOCUMENT_DELETED: Final = "document_deleted"
DOCUMENT_CONTENT_ADDED: Final = "document_content_added"
RECORD_OPENED: Final = "record_opened"
RECORD_ACTIVATED: Final = "record_activated"
IDENTITY_DECLARED: Final = "identity_declared"
IDENTITY_REVOKED: Final = "identity_revoked"
RECORD_OPPOSED: Final = "record_opposed"
OPPOSITION_WITHDRAWN: Final = "opposition_withdrawn"
RECORD_CLOSED: Final = "record_closed"
RECORD_LINKED: Final = "record_linked"
RECORD_UNLINKED: Final = "record_unlinked"
ACCESS_AUTHORISED: Final = "access_authorised"
ACCESS_WITHDRAWN: Final = "access_withdrawn"
PROFESSIONAL_BLOCKED: Final = "professional_blocked"
PROFESSIONAL_UNBLOCKED: Final = "professional_unblocked"
EMERGENCY_ACCESS_OPPOSED: Final = "emergency_access_opposed"
EMERGENCY_OPPOSITION_WITHDRAWN: Final = "emergency_opposition_withdrawn"
ATTENDING_PHYSICIAN_DESIGNATED: Final = "attending_physician_designated"
ATTENDING_PHYSICIAN_ENDED: Final = "attending_physician_ended"
RECORD_ACCESSED: Final = "record_accessed"
REGISTRY_OPENED: Final = "registry_opened"
SOFTWARE_REFERENCED: Final = "software_referenced"
SOFTWARE_WITHDRAWN: Final = "software_withdrawn"
COMPANY_CERTIFIED: Final = "company_certified"
COMPANY_WITHDRAWN: Final = "company_withdrawn"
SERVICE_REFERENCED: Final = "service_referenced"
SERVICE_EVALUATED: Final = "service_evaluated"
SERVICE_WITHDRAWN: Final = "service_withdrawn"

SCHEMA_OF: Final[Mapping[str, str]] = {
    DOCUMENT_SUBMITTED: "DepositDocument",
    DOCUMENT_REPLACED: "DocumentReplaced",
    DOCUMENT_VISIBILITY_CHANGED: "DocumentVisibilityChanged",
    DOCUMENT_ARCHIVED: "DocumentArchived",
    DOCUMENT_UNARCHIVED: "DocumentUnarchived",
    DOCUMENT_DELETED: "DocumentDeleted",
    DOCUMENT_CONTENT_ADDED: "DocumentContentAdded",
    RECORD_OPENED: "RecordOpened",
    RECORD_ACTIVATED: "RecordActivated",
    IDENTITY_DECLARED: "IdentityDeclared",
    IDENTITY_REVOKED: "IdentityRevoked",
    RECORD_OPPOSED: "RecordOpposed",
    OPPOSITION_WITHDRAWN: "OppositionWithdrawn",
    RECORD_CLOSED: "RecordClosed",
    RECORD_LINKED: "RecordLinked",
    RECORD_UNLINKED: "RecordUnlinked",
    ACCESS_AUTHORISED: "AccessAuthorised",
    ACCESS_WITHDRAWN: "AccessWithdrawn",
    PROFESSIONAL_BLOCKED: "ProfessionalBlocked",
    PROFESSIONAL_UNBLOCKED: "ProfessionalUnblocked",
    EMERGENCY_ACCESS_OPPOSED: "EmergencyAccessOpposed",
    EMERGENCY_OPPOSITION_WITHDRAWN: "EmergencyOppositionWithdrawn",
    ATTENDING_PHYSICIAN_DESIGNATED: "AttendingPhysicianDesignated",
    ATTENDING_PHYSICIAN_ENDED: "AttendingPhysicianEnded",
    RECORD_ACCESSED: "RecordAccessed",
    REGISTRY_OPENED: "RegistryOpened",
    SOFTWARE_REFERENCED: "SoftwareReferenced",
    SOFTWARE_WITHDRAWN: "SoftwareWithdrawn",
    COMPANY_CERTIFIED: "CompanyCertified",
    COMPANY_WITHDRAWN: "CompanyWithdrawn",
    SERVICE_REFERENCED: "ServiceReferenced",
    SERVICE_EVALUATED: "ServiceEvaluated",
    SERVICE_WITHDRAWN: "ServiceWithdrawn",
}
"""Name of an event to the name of its schema. A new event is one row here and one file."""


class DocumentFlags(IntFlag):
    """Flags of a document, kept in `stream.flags` (decision 0010; SPEC c.4)."""

    MASQUE_PS = 1
    INVISIBLE_PATIENT = 2
    INVISIBLE_REPRESENTANTS_LEGAUX = 4
    MASQUE_PS_BY_PATIENT = 8  # beside MASQUE_PS: the patient set it, and successors inherit it
    CONTENT = 16  # the bytes are kept
    ARCHIVED = 32  # set aside; stays while another document replaces this one


class DocumentStatus(IntEnum):
    """Availability of a document (SPEC c.5), kept in `stream.status`."""

    APPROVED = 0
    ARCHIVED = 1
    DEPRECATED = 2  # replaced
    DELETED = 3


class RecordFlags(IntFlag):
    """Flags of a record, kept in `stream.flags` of its stream. No bit: the number is reserved."""

    OPENED = 1
    ACTIVATED = 2
    OPPOSED = 4
    CLOSED = 8
    REVOKED = 16
    DECEASED = 32  # beside CLOSED: the person died
    IDENTITY_ERROR = 64  # beside CLOSED: the identity was an error
    DECLARED = 128  # an identity was declared, once at least


class DocumentArchived(TypedDict):
    """A document was archived."""

    provenance: Provenance
    uniqueId: str
    reason: str | None


class DocumentContentAdded(TypedDict):
    """The bytes arrived of a document that had metadata only."""

    provenance: Provenance
    uniqueId: str
    sha256: bytes
    size: int


class DocumentDeleted(TypedDict):
    """A document was deleted: unpublished for good."""

    provenance: Provenance
    uniqueId: str
    reason: str | None


class DocumentReplaced(TypedDict):
    """The successor of this document was submitted. Stands in the stream of the replaced one."""

    provenance: Provenance
    uniqueId: str
    replacedBy: str
    visibilityOnly: bool


class DocumentUnarchived(TypedDict):
    """A document was taken out of the archive."""

    provenance: Provenance
    uniqueId: str
    reason: str | None


class DocumentVisibilityChanged(TypedDict):
    """One flag of a document was turned on or off."""

    provenance: Provenance
    uniqueId: str
    flag: Literal["MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"]
    on: bool
    byPatient: bool
    inheritedFrom: str | None
    reason: str | None


class IdentityDeclared(TypedDict):
    """Traits of a qualified identity were declared."""

    provenance: Provenance
    ins: Ins
    traits: Traits
    insiRequestedAt: int | None


class IdentityRevoked(TypedDict):
    """The identity is no longer qualified. Nothing is fed until an identity is declared again."""

    provenance: Provenance
    reason: str | None


class OppositionWithdrawn(TypedDict):
    """The opposition was withdrawn."""

    provenance: Provenance
    reason: str | None


class RecordActivated(TypedDict):
    """The person activated the space."""

    provenance: Provenance


class RecordClosed(TypedDict):
    """The record was closed."""

    provenance: Provenance
    reasonCode: Literal["PERSON_ASKED", "DEATH", "IDENTITY_ERROR", "OTHER"]
    closedOn: str | None
    reason: str | None


class RecordLinked(TypedDict):
    """This record and another belong to one person."""

    provenance: Provenance
    otherRecord: int
    reason: str | None


class RecordOpened(TypedDict):
    """The record of a person exists and takes documents."""

    provenance: Provenance
    ins: Ins
    implicit: bool
    reason: str | None


class RecordOpposed(TypedDict):
    """The person opposes the feeding."""

    provenance: Provenance
    reason: str | None


class RecordUnlinked(TypedDict):
    """A link was undone."""

    provenance: Provenance
    otherRecord: int
    reason: str | None


class AccessAuthorised(TypedDict):
    """Access to the record was given until a moment, in milliseconds since 1970."""

    provenance: Provenance
    professionalId: str
    professionalName: str | None
    until: int
    reason: str | None


class AccessWithdrawn(TypedDict):
    """An access authorisation was taken back."""

    provenance: Provenance
    professionalId: str
    reason: str | None


class ProfessionalBlocked(TypedDict):
    """A professional or an organisation was shut out of the record."""

    provenance: Provenance
    professionalId: str
    professionalName: str | None
    reason: str | None


class ProfessionalUnblocked(TypedDict):
    """A block was undone."""

    provenance: Provenance
    professionalId: str
    reason: str | None


class EmergencyAccessOpposed(TypedDict):
    """The person opposed an exceptional access beforehand."""

    provenance: Provenance
    access: Literal["BREAK_GLASS", "REGULATION"]
    reason: str | None


class EmergencyOppositionWithdrawn(TypedDict):
    """The person no longer opposes that exceptional access."""

    provenance: Provenance
    access: Literal["BREAK_GLASS", "REGULATION"]
    reason: str | None


class AttendingPhysicianDesignated(TypedDict):
    """The attending physician was designated. The one before is ended by an event of its own."""

    provenance: Provenance
    professionalId: str
    professionalName: str | None
    reason: str | None


class AttendingPhysicianEnded(TypedDict):
    """This physician is no longer the attending physician."""

    provenance: Provenance
    professionalId: str
    reason: str | None


class RecordAccessed(TypedDict):
    """The record was consulted by the actor of the provenance."""

    provenance: Provenance
    mode: Literal["NORMAL", "BREAK_GLASS", "REGULATION", "SECRET"]
    motive: str | None
    action: Literal["LIST", "READ"]
    outcome: Literal["GRANTED", "REFUSED"]
    documentIds: list[str]
    accessedAt: int
