"""Professionals: who writes, signs and sends."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from producers.simulator.population.organisation import Organisation
from schemas.feed.messages import Actor, Author, Provenance
from schemas.forms.health_identifiers import PERSON_ROOT

_DOCTOR: Final = "G15_10"


@dataclass(frozen=True)
class Professional:
    """A professional of an organisation."""

    number: int
    id: str
    family: str
    given: str
    civility: str
    specialty: str
    organisation: Organisation
    actor_role: str

    @cached_property
    def identifier(self) -> str:
        """PS_IdNat as root^extension."""
        return f"{PERSON_ROOT}^{self.id}"

    @cached_property
    def name(self) -> str:
        """Family and given name."""
        return f"{self.family} {self.given}"

    @property
    def is_doctor(self) -> bool:
        """Whether he is a physician, and is addressed as one."""
        return self.specialty.startswith(_DOCTOR)

    def author(self, function: str | None) -> Author:
        """The author of a document, in this function: the same object each time."""
        found = self._authors.get(function)
        if found is None:
            found = self._authors[function] = {
                "id": self.identifier,
                "name": self.name,
                "functionCode": function,
                "specialtyCode": self.specialty,
                "organisationId": self.organisation.identifier,
                "organisationName": self.organisation.name,
                "isDevice": False,
            }
        return found

    def provenance(self, channel: Literal["DIRECT", "HISTORICAL"], at_ms: int) -> Provenance:
        """The provenance of a message that he answers for."""
        return {
            "software": self.organisation.software,
            "actor": self._actor,
            "authenticationMode": "INDIRECTE",
            "purposeOfUse": "normal",
            "channel": channel,
            "occurredAt": at_ms,
        }

    @cached_property
    def _authors(self) -> dict[str | None, Author]:
        return {}

    @cached_property
    def _actor(self) -> Actor:
        organisation = self.organisation
        return {
            "id": self.identifier,
            "name": self.name,
            "roleCode": self.actor_role,
            "organisationId": organisation.identifier,
            "organisationName": organisation.name,
            "sectorCode": organisation.facility_type,
        }
