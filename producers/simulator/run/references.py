"""What the registry must know for a simulated practice: its software and companies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from ingest.feed.types import OutgoingRecord
from producers.registry.messages import registry_feed_record, registry_message
from producers.simulator.content.messages import PATIENT_SPACE
from producers.simulator.plan.plan import Run
from producers.simulator.plan.planned import ACCEPTED, Expected
from producers.simulator.population.organisation import Organisation
from producers.simulator.population.practice import Practice
from producers.simulator.randomness import stream, uuid_bytes
from schemas.feed.messages import Provenance, Software
from schemas.forms.health_identifiers import ORGANISATION_ROOT
from schemas.valuesets import TELECONSULTATION

FIRST_DAY: Final = "20200101"
LAST_DAY: Final = "20991231"
_PROVENANCE: Final[Provenance] = {
    "software": {
        "id": "sim-registre",
        "name": "Registre (simulé)",
        "version": "1.0",
        "approval": None,
    },
    "actor": {
        "id": f"{ORGANISATION_ROOT}^1999999997",
        "name": "Registre (simulé)",
        "roleCode": "AUTOMATE",
        "organisationId": f"{ORGANISATION_ROOT}^1999999997",
        "organisationName": "Registre (simulé)",
        "sectorCode": None,
    },
    "authenticationMode": "INDIRECTE",
    "purposeOfUse": "normal",
    "channel": "DIRECT",
    "occurredAt": 1_577_836_800_000,
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A message of the topic `registry` ready to be published, and its right outcomes."""

    schema: str
    message_id: bytes
    record: OutgoingRecord
    expected: Expected
    uid: None = None
    then: Expected = ()
    fault: None = None


def references(run: Run) -> Iterator[Reference]:
    """One message for each software that feeds in a run, one for each téléconsultation company.

    The same bytes for the same seed and sectors. All are accepted by a registry that knows none.
    """
    ids = stream(run.seed, "registry message ids", *(sector.name for sector in run.sectors))
    met = set[str]()
    for software, organisation in _feeding(run):
        if software["id"] not in met:
            met.add(software["id"])
            yield _made("ReferenceSoftware", uuid_bytes(ids), software["id"], _fields_of(software))
        if organisation is None or organisation.facility_type != TELECONSULTATION:
            continue
        fields = {
            "company": organisation.name,
            "certificateNumber": f"SIM-{organisation.id}",
            "certifiedFrom": FIRST_DAY,
            "certifiedUntil": LAST_DAY,
        }
        entry = organisation.identifier
        yield _made("CertifyTeleconsultationCompany", uuid_bytes(ids), entry, fields)


def _feeding(run: Run) -> Iterator[tuple[Software, Organisation | None]]:
    yield PATIENT_SPACE, None
    for sector in run.sectors:
        for organisation in Practice(run.seed, sector).organisations:
            yield organisation.software, organisation


def _fields_of(software: Software) -> dict[str, Any]:
    return {
        "publisher": "Éditeur (simulé)",
        "product": software["name"],
        "version": software["version"],
        "sector": None,
        "approval": software["approval"],
        "referencedFrom": FIRST_DAY,
        "referencedUntil": LAST_DAY,
    }


def _made(schema: str, message_id: bytes, entry: str, fields: dict[str, Any]) -> Reference:
    datum = registry_message(UUID(bytes=message_id), _PROVENANCE, entry, fields)
    return Reference(schema, message_id, registry_feed_record(schema, datum), ACCEPTED)
