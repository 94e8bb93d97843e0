"""The events of the registry."""

from collections.abc import Mapping
from typing import Final, Literal

from ingest.facts.registry import KIND_STREAM, REGISTRY_RECORD, Kind, entry_stream
from schemas import events as names
from schemas.feed.messages import Provenance
from schemas.feed.registry import (
    CertifyTeleconsultationCompany,
    CompanyCertified,
    CompanyWithdrawn,
    EvaluateService,
    ReferenceService,
    ReferenceSoftware,
    RegistryOpened,
    RegistrySource,
    ServiceEvaluated,
    ServiceReferenced,
    ServiceWithdrawn,
    SoftwareReferenced,
    SoftwareWithdrawn,
    WithdrawReference,
)

from .event import Event


def source_of(provenance: Provenance) -> RegistrySource:
    """Who told the registry, without any person: its events are not sealed."""
    return {
        "softwareId": provenance["software"]["id"],
        "organisationId": provenance["actor"]["organisationId"],
        "occurredAt": provenance["occurredAt"],
    }


def registry_opened(kind: Kind, provenance: Provenance) -> Event:
    """The registry has its first entry of this kind, and is asked from now on."""
    opened: RegistryOpened = {"source": source_of(provenance), "kind": _NAME_OF[kind]}
    return Event(KIND_STREAM[kind], REGISTRY_RECORD, names.REGISTRY_OPENED, opened)


def software_referenced(datum: ReferenceSoftware) -> Event:
    """The software is referenced for a period."""
    referenced: SoftwareReferenced = {
        "source": source_of(datum["provenance"]),
        "id": datum["id"],
        "publisher": datum["publisher"],
        "product": datum["product"],
        "version": datum["version"],
        "sector": datum["sector"],
        "approval": datum["approval"],
        "referencedFrom": datum["referencedFrom"],
        "referencedUntil": datum["referencedUntil"],
    }
    return _of_entry(Kind.SOFTWARE, datum["id"], names.SOFTWARE_REFERENCED, referenced)


def service_referenced(datum: ReferenceService, until: str) -> Event:
    """The service is referenced until this day, included."""
    referenced: ServiceReferenced = {
        "source": source_of(datum["provenance"]),
        "id": datum["id"],
        "publisher": datum["publisher"],
        "name": datum["name"],
        "track": datum["track"],
        "certificateNumber": datum["certificateNumber"],
        "referencedFrom": datum["referencedFrom"],
        "referencedUntil": until,
    }
    return _of_entry(Kind.SERVICE, datum["id"], names.SERVICE_REFERENCED, referenced)


def service_evaluated(datum: EvaluateService) -> Event:
    """An evaluation of the service found this."""
    evaluated: ServiceEvaluated = {
        "source": source_of(datum["provenance"]),
        "id": datum["id"],
        "evaluatedOn": datum["evaluatedOn"],
        "conclusion": datum["conclusion"],
        "correctBefore": datum["correctBefore"],
        "report": datum["report"],
    }
    return _of_entry(Kind.SERVICE, datum["id"], names.SERVICE_EVALUATED, evaluated)


def company_certified(datum: CertifyTeleconsultationCompany) -> Event:
    """The téléconsultation company is certified for a period."""
    certified: CompanyCertified = {
        "source": source_of(datum["provenance"]),
        "id": datum["id"],
        "company": datum["company"],
        "certificateNumber": datum["certificateNumber"],
        "certifiedFrom": datum["certifiedFrom"],
        "certifiedUntil": datum["certifiedUntil"],
    }
    return _of_entry(Kind.COMPANY, datum["id"], names.COMPANY_CERTIFIED, certified)


def reference_withdrawn(kind: Kind, datum: WithdrawReference) -> Event:
    """Nothing of the reference or certificate is left from that day on."""
    withdrawn: SoftwareWithdrawn | ServiceWithdrawn | CompanyWithdrawn = {
        "source": source_of(datum["provenance"]),
        "id": datum["id"],
        "withdrawnFrom": datum["withdrawnFrom"],
        "reason": datum["reason"],
    }
    return _of_entry(kind, datum["id"], _WITHDRAWN[kind], withdrawn)


def _of_entry(kind: Kind, name: str, event: str, datum: Mapping[str, object]) -> Event:
    return Event(entry_stream(kind, name), REGISTRY_RECORD, event, datum)


_NAME_OF: Final[Mapping[Kind, Literal["SOFTWARE", "SERVICE", "COMPANY"]]] = {
    Kind.SOFTWARE: "SOFTWARE",
    Kind.SERVICE: "SERVICE",
    Kind.COMPANY: "COMPANY",
}
_WITHDRAWN: Final[Mapping[Kind, str]] = {
    Kind.SOFTWARE: names.SOFTWARE_WITHDRAWN,
    Kind.SERVICE: names.SERVICE_WITHDRAWN,
    Kind.COMPANY: names.COMPANY_WITHDRAWN,
}
