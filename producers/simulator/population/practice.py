"""The organisations and professionals of a sector.

Their numbers are well formed, with right Luhn keys, and nobody's: RPPS begin with 9, FINESS with
the department 99, SIRET with 99.
"""

from random import Random
from typing import Final

from producers.simulator.moments import zone_of
from producers.simulator.population.organisation import Organisation
from producers.simulator.population.people import people
from producers.simulator.population.professional import Professional
from producers.simulator.randomness import pick, stream, uuid_oid
from producers.simulator.tables.rows import Sector, SoftwareRow
from producers.simulator.tables.sectors import SIRET
from schemas.feed.messages import Software
from schemas.forms.health_identifiers import ORGANISATION_ROOT, PATIENT_SPACE_ROOT

_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn_key(digits: str) -> str:
    """The digit that makes `digits` + it pass Luhn."""
    total = sum(_DOUBLED[int(d)] for d in digits[::-2]) + sum(int(d) for d in digits[-2::-2])
    return str(-total % 10)


class Practice:
    """All professionals of a sector, by specialty; a function of the seed."""

    def __init__(self, seed: int, sector: Sector) -> None:
        self.sector = sector
        self._tables = people()
        self.organisations = tuple(
            self._organisation(seed, number) for number in range(sector.organisation_count)
        )
        self._of_specialty: dict[tuple[str, ...], tuple[Professional, ...]] = {}
        self._seed = seed

    def of(self, specialties: tuple[str, ...]) -> tuple[Professional, ...]:
        """The professionals with one of these specialties: some in each organisation."""
        if specialties not in self._of_specialty:
            self._of_specialty[specialties] = tuple(self._professionals(specialties))
        return self._of_specialty[specialties]

    def _professionals(self, specialties: tuple[str, ...]) -> list[Professional]:
        low, high = self.sector.professionals
        found: list[Professional] = []
        for organisation in self.organisations:
            rng = stream(self._seed, "staff", self.sector.name, organisation.number, *specialties)
            for _ in range(low + int(rng.random() * (high - low + 1))):
                found.append(self._professional(rng, len(found), organisation, specialties))
        return found

    def _professional(
        self, rng: Random, number: int, organisation: Organisation, specialties: tuple[str, ...]
    ) -> Professional:
        sex = "M" if rng.random() < 0.5 else "F"
        body = f"9{rng.getrandbits(32) % 10**9:09d}"
        return Professional(
            number=number,
            id=f"8{body}{luhn_key(body)}",
            family=pick(rng, self._tables["families"]),
            given=pick(rng, self._tables["given"][sex]).capitalize(),
            civility="M" if sex == "M" else "MME",
            specialty=(specialty := pick(rng, specialties)),
            organisation=organisation,
            actor_role=_profession(specialty) or self.sector.actor_role,
        )

    def _organisation(self, seed: int, number: int) -> Organisation:
        sector = self.sector
        rng = stream(seed, "organisation", sector.name, number)
        body = f"99{rng.getrandbits(32) % 10**6:06d}"
        if sector.organisation_prefix == SIRET:
            body += f"{rng.getrandbits(32) % 10**5:05d}"
        _, city, postcode = pick(rng, [place for place in self._tables["places"] if place[2]])
        of_patients = sector.author == "patient"
        name = sector.organisation_names[number % len(sector.organisation_names)]
        return Organisation(
            number=number,
            root=PATIENT_SPACE_ROOT if of_patients else ORGANISATION_ROOT,
            id="" if of_patients else f"{sector.organisation_prefix}{body}{luhn_key(body)}",
            name=name if of_patients else f"{name} {city}",
            zone=zone_of(postcode),
            house=1 + int(rng.random() * 90),
            street=pick(rng, self._tables["streets"]),
            postcode=postcode,
            city=city,
            phone=f"019900{int(rng.random() * 10000):04d}",
            patient_root=uuid_oid(rng),
            software=_installed(sector.software[number % len(sector.software)], number),
            facility_type=sector.facility_type,
            practice_setting=sector.practice_setting,
        )


def _profession(specialty: str) -> str | None:
    """The profession of a specialty of J01 (`G15_21/A`: 21), a role of J65; None without one."""
    group, _, rest = specialty.partition("_")
    return rest.partition("/")[0] if group == "G15" else None


def _installed(product: SoftwareRow, number: int) -> Software:
    return {
        "id": f"{product.id}-{number:02d}",
        "name": product.name,
        "version": product.version,
        "approval": product.approval,
    }
