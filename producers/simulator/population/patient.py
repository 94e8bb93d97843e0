"""One test person: a well-formed INS under the test OID only, with traits and a home."""

from dataclasses import dataclass
from functools import cached_property

from producers.simulator.moments import moment
from schemas.feed.messages import Actor, Ins, Traits
from schemas.forms.identity import INS_NIR_TEST, ins_key
from schemas.policy.may_do import PATIENT_ROLE


@dataclass(frozen=True)
class Patient:
    """One test person. Names in capitals without accents, as INSi gives them (SPEC a.3)."""

    number: int
    matricule: str
    birth_name: str
    given_list: str
    used_name: str
    used_given: str
    sex: str
    birth_date: str
    birth_place: str
    birth_city: str
    house: int
    street: str
    postcode: str
    city: str
    phone: str
    local_number: str

    @property
    def oid(self) -> str:
        """The test OID: nobody real is ever made."""
        return INS_NIR_TEST

    @property
    def birth_given(self) -> str:
        """The first given name of birth."""
        return self.given_list.split(" ")[0]

    @cached_property
    def key(self) -> bytes:
        """The key of the person's messages."""
        return ins_key(self.oid, self.matricule).encode()

    @cached_property
    def ins(self) -> Ins:
        """The INS of messages; simulated identities are qualified."""
        return {"oid": self.oid, "matricule": self.matricule, "status": "QUALIFIEE"}

    @cached_property
    def actor(self) -> Actor:
        """The person as the one who answers for a message, in his own space."""
        return {
            "id": f"{self.oid}^{self.matricule}",
            "name": None,
            "roleCode": PATIENT_ROLE,
            "organisationId": None,
            "organisationName": None,
            "sectorCode": None,
        }

    @cached_property
    def traits(self) -> Traits:
        """The strict traits, and the names in use."""
        return {
            "birthName": self.birth_name,
            "birthGivenName": self.birth_given,
            "givenNames": self.given_list,
            "sex": self.sex,
            "birthDate": self.birth_date,
            "birthPlace": self.birth_place,
            "usedName": self.used_name,
            "usedGivenName": self.used_given,
        }

    @property
    def born(self) -> int:
        """Seconds since 1970 of the day of birth."""
        day = self.birth_date
        return moment(int(day[:4]), int(day[4:6]), int(day[6:]))

    def age_at(self, at: int) -> int:
        """Whole years at a moment."""
        return int((at - self.born) / (365.25 * 86400))
