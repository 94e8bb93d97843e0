"""The registry of software, services and companies: shapes of its messages, then of its events.

One TypedDict per schema; a test keeps them equal to the schema files.
"""

from enum import StrEnum
from typing import Literal, TypedDict

from .messages import Provenance


class EntryKind(StrEnum):
    """The kind of an entry of the registry, as a person names it."""

    SOFTWARE = "software"
    SERVICE = "service"
    COMPANY = "company"


class CertifyTeleconsultationCompany(TypedDict):
    """Topic registry."""

    messageId: bytes
    provenance: Provenance
    id: str
    company: str
    certificateNumber: str
    certifiedFrom: str
    certifiedUntil: str


class EvaluateService(TypedDict):
    """Topic registry."""

    messageId: bytes
    provenance: Provenance
    id: str
    evaluatedOn: str
    conclusion: Literal["COMPLIANT", "TO_CORRECT", "NOT_COMPLIANT"]
    correctBefore: str | None
    report: str | None


class ReferenceService(TypedDict):
    """Topic registry."""

    messageId: bytes
    provenance: Provenance
    id: str
    publisher: str
    name: str
    track: str | None
    certificateNumber: str | None
    referencedFrom: str
    referencedUntil: str | None


class ReferenceSoftware(TypedDict):
    """Topic registry."""

    messageId: bytes
    provenance: Provenance
    id: str
    publisher: str
    product: str
    version: str | None
    sector: str | None
    approval: str | None
    referencedFrom: str
    referencedUntil: str | None


class WithdrawReference(TypedDict):
    """Topic registry."""

    messageId: bytes
    provenance: Provenance
    kind: Literal["SOFTWARE", "SERVICE", "COMPANY"]
    id: str
    withdrawnFrom: str
    reason: str


class RegistrySource(TypedDict):
    """The sender of an entry. No person is named, since events of the registry are not sealed."""

    softwareId: str
    organisationId: str | None
    occurredAt: int


class RegistryOpened(TypedDict):
    """The registry has its first entry of this kind. From now on rules ask the registry."""

    source: RegistrySource
    kind: Literal["SOFTWARE", "SERVICE", "COMPANY"]


class SoftwareReferenced(TypedDict):
    """A software was referenced for a period."""

    source: RegistrySource
    id: str
    publisher: str
    product: str
    version: str | None
    sector: str | None
    approval: str | None
    referencedFrom: str
    referencedUntil: str | None


class SoftwareWithdrawn(TypedDict):
    """The reference of a software was withdrawn."""

    source: RegistrySource
    id: str
    withdrawnFrom: str
    reason: str


class CompanyCertified(TypedDict):
    """A téléconsultation company was certified for a period."""

    source: RegistrySource
    id: str
    company: str
    certificateNumber: str
    certifiedFrom: str
    certifiedUntil: str


class CompanyWithdrawn(TypedDict):
    """The certificate of a téléconsultation company was withdrawn."""

    source: RegistrySource
    id: str
    withdrawnFrom: str
    reason: str


class ServiceReferenced(TypedDict):
    """A service was referenced in the catalogue."""

    source: RegistrySource
    id: str
    publisher: str
    name: str
    track: str | None
    certificateNumber: str | None
    referencedFrom: str
    referencedUntil: str


class ServiceEvaluated(TypedDict):
    """The continuous evaluation of a service found this."""

    source: RegistrySource
    id: str
    evaluatedOn: str
    conclusion: Literal["COMPLIANT", "TO_CORRECT", "NOT_COMPLIANT"]
    correctBefore: str | None
    report: str | None


class ServiceWithdrawn(TypedDict):
    """A service was withdrawn from the catalogue."""

    source: RegistrySource
    id: str
    withdrawnFrom: str
    reason: str
