"""Authors of documents: professionals, the patient in his own space, machines that feed.

All of them have `id`, `identifier` (root^extension), `name`, `specialty`, `organisation`,
`author(function)`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from schemas.feed.messages import Actor, Author, Provenance
from schemas.forms.health_identifiers import PERSON_ROOT
from schemas.policy.may_do import MACHINE_ROLE

from .organisation import Organisation
from .patient import Patient
from .professional import Professional

EXP_PATIENT: Final = "EXP_PATIENT"


@dataclass(frozen=True)
class PatientAuthor:
    """A patient as author of his own documents: he has no organisation there (SPEC b.3).

    `organisation`: the space he writes in, which keeps the originals.
    """

    patient: Patient
    organisation: Organisation

    @property
    def id(self) -> str:
        """The matricule."""
        return self.patient.matricule

    @property
    def identifier(self) -> str:
        """The INS as root^extension."""
        return f"{self.patient.oid}^{self.patient.matricule}"

    @property
    def name(self) -> str:
        """Family and given name of birth."""
        return f"{self.patient.birth_name} {self.patient.birth_given}"

    @property
    def specialty(self) -> str:
        """The value in place of the specialty of a professional."""
        return EXP_PATIENT

    def author(self, function: str | None) -> Author:
        """The author of a document: the same object each time."""
        return self._author

    @cached_property
    def _author(self) -> Author:
        return {
            "id": self.identifier,
            "name": self.name,
            "functionCode": None,
            "specialtyCode": EXP_PATIENT,
            "organisationId": None,
            "organisationName": None,
            "isDevice": False,
        }


@dataclass(frozen=True)
class Machine:
    """An information system that feeds without a person, for an organisation (SPEC b.1, type 5)."""

    organisation: Organisation
    specialty: str

    @property
    def id(self) -> str:
        """PS_IdNat of a system: SIRET / internal identifier."""
        return f"5{self.organisation.id[1:]}/{self.organisation.patient_root}"

    @property
    def identifier(self) -> str:
        """The same as root^extension."""
        return f"{PERSON_ROOT}^{self.id}"

    @property
    def name(self) -> str:
        """The name of its organisation."""
        return self.organisation.name

    def author(self, function: str | None) -> Author:
        """The author of a document: the same object each time."""
        return self._author

    def provenance(self, channel: Literal["DIRECT", "HISTORICAL"], at_ms: int) -> Provenance:
        """The provenance of a message that it answers for."""
        return {
            "software": self.organisation.software,
            "actor": self._actor,
            "authenticationMode": "INDIRECTE",
            "purposeOfUse": "normal",
            "channel": channel,
            "occurredAt": at_ms,
        }

    @cached_property
    def _actor(self) -> Actor:
        organisation = self.organisation
        return {
            "id": self.identifier,
            "name": self.name,
            "roleCode": MACHINE_ROLE,
            "organisationId": organisation.identifier,
            "organisationName": organisation.name,
            "sectorCode": organisation.facility_type,
        }

    @cached_property
    def _author(self) -> Author:
        return {
            "id": self.identifier,
            "name": self.name,
            "functionCode": None,
            "specialtyCode": self.specialty,
            "organisationId": self.organisation.identifier,
            "organisationName": self.organisation.name,
            "isDevice": True,
        }


Writer = Professional | PatientAuthor | Machine
