"""Test persons: well-formed INS under the test OID only, with traits and a home.

Bodies of rank 990 to 999 are unlikely to be anyone's (SPEC a.6); births in Corsica, overseas and
abroad are among them. Every person is a function of the seed and a number.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from math import gcd
from random import Random
from typing import Any, Final

from producers.simulator.moments import moment
from producers.simulator.randomness import pick, stream
from schemas.feed.messages import Actor, Ins, Traits
from schemas.forms.identity import INS_NIR_TEST, ins_key, matricule_key
from schemas.policy.may_do import PATIENT_ROLE

_YEARS: Final = range(1931, 2022)
_MONTHS: Final = 12
_RANKS: Final = 10
_DAYS_OF_ALL_MONTHS: Final = 28


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


class Population:
    """`count` different persons, made when asked for; `spare(n)` are others of the same seed.

    Raises ValueError for more persons than there are different numbers.
    """

    def __init__(self, seed: int, count: int) -> None:
        self._seed = seed
        self._people = people()
        self._size = len(self._people["places"]) * len(_YEARS) * _MONTHS * _RANKS * 2
        if not 0 < count <= self._size // 2:
            raise ValueError(f"between 1 and {self._size // 2} patients can be simulated")
        self.count = count
        rng = stream(seed, "matricules")
        self._shift = rng.getrandbits(40) % self._size
        self._step = next(
            step
            for step in iter(lambda: rng.getrandbits(40) % self._size, None)
            if step > self._size // 7 and gcd(step, self._size) == 1
        )
        self._made: dict[int, Patient] = {}

    def __getitem__(self, number: int) -> Patient:
        """Person `number` (0..count-1; beyond them the spare ones)."""
        patient = self._made.get(number)
        if patient is None:
            patient = self._made[number] = self._make(number)
        return patient

    def spare(self, number: int) -> Patient:
        """A person of the same seed who is none of the `count`: a second INS of somebody."""
        return self[self.count + number % self.count]

    def _make(self, number: int) -> Patient:
        # A full cycle through all combinations: no two numbers give the same matricule.
        slot = (number * self._step + self._shift) % self._size
        slot, rank = divmod(slot, _RANKS)
        slot, month = divmod(slot, _MONTHS)
        slot, sex_number = divmod(slot, 2)
        place_number, year_number = divmod(slot, len(_YEARS))
        cog, city, _ = self._people["places"][place_number]
        year = _YEARS[year_number]
        body = f"{sex_number + 1}{year % 100:02d}{month + 1:02d}{cog}{990 + rank}"
        rng = stream(self._seed, "patient", number)
        sex = "MF"[sex_number]
        return Patient(
            number=number,
            matricule=body + matricule_key(body),
            sex=sex,
            birth_date=f"{year}{month + 1:02d}{1 + int(rng.random() * _DAYS_OF_ALL_MONTHS):02d}",
            birth_place=cog,
            birth_city=city,
            **self._names(rng, sex),
            **self._home(rng, self._people["places"]),
        )

    def _names(self, rng: Random, sex: str) -> dict[str, Any]:
        given = self._people["given"][sex]
        names = list(dict.fromkeys(pick(rng, given) for _ in range(1 + int(rng.random() * 3))))
        birth_name = pick(rng, self._people["families"])
        married = sex == "F" and rng.random() < 0.4
        return {
            "birth_name": birth_name,
            "given_list": " ".join(names),
            "used_name": pick(rng, self._people["families"]) if married else birth_name,
            "used_given": names[-1] if rng.random() < 0.1 else names[0],
        }

    def _home(self, rng: Random, places: list[list[str]]) -> dict[str, Any]:
        _, city, postcode = pick(rng, [place for place in places if place[2]])
        return {
            "house": 1 + int(rng.random() * 120),
            "street": pick(rng, self._people["streets"]),
            "postcode": postcode,
            "city": city,
            # 06 39 98 xx xx is reserved for fiction (Arcep).
            "phone": f"063998{int(rng.random() * 10000):04d}",
            "local_number": f"{rng.getrandbits(40):013d}",
        }


def people() -> dict[str, Any]:
    """The tables of names, places and streets."""
    loaded: dict[str, Any] = json.loads(
        files("producers.simulator.tables").joinpath("people.json").read_text("utf-8")
    )
    return loaded
