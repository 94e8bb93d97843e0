"""All test persons of a run, each a function of the seed and a number.

Bodies of rank 990 to 999 are unlikely to be anyone's (SPEC a.6). Births in Corsica, overseas and
abroad are among them.
"""

from math import gcd
from random import Random
from typing import Any, Final

from producers.simulator.population.patient import Patient
from producers.simulator.population.people import people
from producers.simulator.randomness import pick, stream
from schemas.forms.identity import matricule_key

_YEARS: Final = range(1931, 2022)
_MONTHS: Final = 12
_RANKS: Final = 10
_DAYS_OF_ALL_MONTHS: Final = 28


class Population:
    """`count` different persons, made when they are asked for; `spare(n)`: others of the seed.

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
        """Person `number`: 0..count-1, and beyond them the spare persons."""
        patient = self._made.get(number)
        if patient is None:
            patient = self._made[number] = self._make(number)
        return patient

    def spare(self, number: int) -> Patient:
        """A person of the same seed who is none of the `count`: the second INS of somebody."""
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
