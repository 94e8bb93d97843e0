"""Sectors as tables of data: one JSON file per sector.

A new sector is a new file of this folder: `<sector>.json`, with the fields of `Sector` and
`DocumentKind`. All codes are checked against the value sets when the file is read.

Sectors draw from number streams of their own: a new one changes no other. Laboratories, hospitals
and GPs came first and share theirs: a run of them stays what it was.
"""

from importlib.resources import files
from typing import Any, Final

from producers.simulator.tables.cells import check_listed, load, pair
from producers.simulator.tables.document_kinds import document_kind
from producers.simulator.tables.rows import (
    TOGETHER,
    Scenario,
    Sector,
    SoftwareRow,
    TableError,
)
from producers.simulator.tables.scenarios import read_scenarios
from schemas import valuesets

AUTHORS: Final = frozenset({"professional", "patient", "machine"})
SIRET: Final = "3"
"""Prefix of an organisation's number that is a SIRET (SPEC b.2)."""
_NOT_SECTORS: Final = frozenset({"scenarios", "people", "analyses", "dicom", "day"})


def sector_names() -> tuple[str, ...]:
    """The sectors there are, sorted."""
    found = (
        entry.name.removesuffix(".json")
        for entry in files(__package__).iterdir()
        if entry.name.endswith(".json")
    )
    return tuple(sorted(name for name in found if name not in _NOT_SECTORS))


def all_sectors() -> tuple[str, ...]:
    """All sectors, those that share their streams first."""
    return (*TOGETHER, *(name for name in sector_names() if name not in TOGETHER))


def read_sector(name: str) -> Sector:
    """The table of a sector, every code checked. Raises TableError."""
    if name not in sector_names():
        raise TableError(f"no sector {name!r}: there are {', '.join(sector_names())}")
    try:
        return parse_sector(load(name), read_scenarios())
    except KeyError as error:
        raise TableError(f"{name}.json: a row has no field {error}") from None


def parse_sector(table: dict[str, Any], scenarios: dict[str, Scenario]) -> Sector:
    """A sector from its table. Raises TableError, or KeyError for an absent field."""
    name = table["sector"]
    organisations = table["organisations"]
    check_listed(name, "facilityType", table["facilityType"], valuesets.FACILITY_CODES_DMP)
    check_listed(
        name, "practiceSetting", table["practiceSetting"], valuesets.PRACTICE_SETTING_CODES_DMP
    )
    author = table.get("author", "professional")
    check_listed(name, "author", author, AUTHORS)
    if author == "machine" and organisations["prefix"] != SIRET:
        raise TableError(f"{name}.json: the number of a machine begins with a SIRET")
    sector = Sector(
        name=name,
        title=table["title"],
        weight=float(table["weight"]),
        software=tuple(SoftwareRow(**row) for row in table["software"]),
        organisation_count=organisations["count"],
        organisation_names=tuple(organisations["names"]),
        organisation_prefix=organisations["prefix"],
        professionals=pair(organisations["professionals"]),
        facility_type=table["facilityType"],
        practice_setting=table["practiceSetting"],
        actor_role=table["actorRole"],
        author=author,
        ages=pair(table["ages"]) if "ages" in table else None,
        kinds=tuple(document_kind(table, row, scenarios) for row in table["kinds"]),
    )
    for kind in sector.kinds:
        if kind.follower is not None:
            sector.kind(kind.follower)
    return sector
