"""Messages of the feed: one TypedDict per schema of `schemas/avro/feed`.

A decoded message is a plain dict of these shapes, in the newest version of its schema. A test keeps
them equal to the schema files. `TOPIC_OF`: the topic of each message.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypedDict

DOCUMENTS: Final = "documents"
PATIENTS: Final = "patients"
REGISTRY: Final = "registry"
OUTCOMES: Final = "outcomes"
NOTIFICATIONS: Final = "notifications"
FEED_TOPICS: Final = (DOCUMENTS, PATIENTS, REGISTRY)

TOPIC_OF: Final[Mapping[str, str]] = {
    "DepositDocument": DOCUMENTS,
    "ChangeVisibility": DOCUMENTS,
    "ArchiveDocument": DOCUMENTS,
    "UnarchiveDocument": DOCUMENTS,
    "DeleteDocument": DOCUMENTS,
    "DeclareIdentity": PATIENTS,
    "OpenRecord": PATIENTS,
    "ActivateRecord": PATIENTS,
    "CloseRecord": PATIENTS,
    "OpposeFeeding": PATIENTS,
    "WithdrawOpposition": PATIENTS,
    "LinkIns": PATIENTS,
    "UnlinkIns": PATIENTS,
    "RevokeIdentity": PATIENTS,
    "AuthoriseAccess": PATIENTS,
    "WithdrawAccess": PATIENTS,
    "BlockProfessional": PATIENTS,
    "UnblockProfessional": PATIENTS,
    "OpposeEmergencyAccess": PATIENTS,
    "WithdrawEmergencyOpposition": PATIENTS,
    "DesignateAttendingPhysician": PATIENTS,
    "EndAttendingPhysician": PATIENTS,
    "RecordAccess": PATIENTS,
    "ReferenceSoftware": REGISTRY,
    "CertifyTeleconsultationCompany": REGISTRY,
    "ReferenceService": REGISTRY,
    "EvaluateService": REGISTRY,
    "WithdrawReference": REGISTRY,
}


class Software(TypedDict):
    """The software (LPS) that sends: claims LPS_ID, LPS_Nom, LPS_Version, LPS_ID_HOMOLOGATION_DMP
    of the VIHF.
    """

    id: str
    name: str
    version: str
    approval: str | None


class Actor(TypedDict):
    """The person or system that asks, by the claims of the VIHF."""

    id: str
    name: str | None
    roleCode: str | None
    organisationId: str | None
    organisationName: str | None
    sectorCode: str | None


class Provenance(TypedDict):
    """Software, actor and way of a message. `occurredAt`: milliseconds since 1970."""

    software: Software
    actor: Actor
    authenticationMode: Literal["DIRECTE", "INDIRECTE", "INDIRECTE_RENFORCEE", "PRO_SANTE_CONNECT"]
    purposeOfUse: str
    channel: Literal["DIRECT", "HISTORICAL", "MSSANTE", "HL7V2", "FHIR"]
    occurredAt: int


class Ins(TypedDict):
    """The INS of the person concerned, and its status at the sender."""

    oid: str
    matricule: str
    status: Literal["PROVISOIRE", "RECUPEREE", "VALIDEE", "QUALIFIEE"]


class ActivateRecord(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins


class ArchiveDocument(TypedDict):
    """Topic documents."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    uniqueId: str
    reason: str | None


class ChangeVisibility(TypedDict):
    """Topic documents."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    uniqueId: str
    masquePs: bool | None
    invisiblePatient: bool | None
    invisibleRepresentantsLegaux: bool | None
    reason: str | None


class CloseRecord(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    reasonCode: Literal["PERSON_ASKED", "DEATH", "IDENTITY_ERROR", "OTHER"]
    closedOn: str | None
    reason: str | None


class Traits(TypedDict):
    """The traits known to the sender on that day (sourcePatientInfo)."""

    birthName: str
    birthGivenName: str
    givenNames: str
    sex: str
    birthDate: str
    birthPlace: str | None
    usedName: str | None
    usedGivenName: str | None


class DeclareIdentity(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    traits: Traits
    insiRequestedAt: int | None


class DeleteDocument(TypedDict):
    """Topic documents."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    uniqueId: str
    reason: str | None


class SubmissionSet(TypedDict):
    """The submission set (lot de soumission) of a document."""

    uniqueId: str
    sourceId: str
    contentTypeCode: str
    title: str | None


class Author(TypedDict):
    """An author of the document: a person, a device, the patient, or a legal entity.

    A legal entity is added for a masked document to keep a reader.
    """

    id: str
    name: str | None
    functionCode: str | None
    specialtyCode: str | None
    organisationId: str | None
    organisationName: str | None
    isDevice: bool


class Coded(TypedDict):
    """A code and the OID of its system."""

    code: str
    system: str


class ReferenceId(TypedDict):
    """An identifier that the document refers to: order, accession, study."""

    value: str
    authority: str | None
    typeCode: str


class Document(TypedDict):
    """Metadata of a document (XDS DocumentEntry, CI-SIS)."""

    uniqueId: str
    replaces: str | None
    setId: str | None
    versionNumber: int | None
    typeCode: str
    classCode: str
    formatCode: str
    mimeType: str
    hash: bytes
    sha256: bytes
    size: int
    languageCode: str
    title: str
    comments: str | None
    sourcePatientId: str | None
    sourcePatientInfo: Traits | None
    authors: list[Author]
    legalAuthenticatorId: str
    legalAuthenticatorName: str | None
    legalAuthenticationTime: str | None
    custodianId: str | None
    creationTime: str
    serviceStartTime: str
    serviceStopTime: str | None
    healthcareFacilityTypeCode: str
    practiceSettingCode: str
    confidentialityCode: Literal["N", "R", "V"]
    masquePs: bool
    invisiblePatient: bool
    invisibleRepresentantsLegaux: bool
    eventCodeList: list[Coded]
    referenceIdList: list[ReferenceId]


class DepositDocument(TypedDict):
    """Topic documents."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    visibilityOnly: bool
    submissionSet: SubmissionSet | None
    document: Document
    content: bytes | None


class LinkIns(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    otherOid: str
    otherMatricule: str
    reason: str | None


class OpenRecord(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    reason: str | None


class OpposeFeeding(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    reason: str | None


class RevokeIdentity(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    reason: str | None


class UnarchiveDocument(TypedDict):
    """Topic documents."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    uniqueId: str
    reason: str | None


class UnlinkIns(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    otherOid: str
    otherMatricule: str
    reason: str | None


class WithdrawOpposition(TypedDict):
    """Topic patients."""

    messageId: bytes
    provenance: Provenance
    ins: Ins
    reason: str | None
