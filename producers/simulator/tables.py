"""Sectors, kinds of documents and scenarios as tables of data: one JSON file per sector.

A new sector is a new file of this folder: `<sector>.json`, with the fields of `Sector` and
`DocumentKind`. All codes are checked against the value sets when the file is read.
"""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Literal

from schemas import valuesets
from schemas.valuesets import UNSTRUCTURED_TEMPLATE

Do = Literal["replace", "visibility", "archive", "unarchive", "delete"]
Flags = dict[str, bool]

BODIES: Final = frozenset({"biology", "sections", "vaccination", "pdf"})
DOES: Final = frozenset({"replace", "visibility", "archive", "unarchive", "delete"})
FLAGS: Final = frozenset({"masquePs", "invisiblePatient", "invisibleRepresentantsLegaux"})
PDF: Final = "application/pdf"
_NOT_SECTORS: Final = frozenset({"scenarios", "people", "analyses"})


class TableError(ValueError):
    """A table of the simulator is wrong; the sentence names file, row and field."""


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to a document later, so many hours after the step before."""

    do: Do
    after_hours: tuple[float, float]
    by: Literal["author", "patient"]
    flags: Flags
    status: str
    visibility_only: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class Scenario:
    """The life of a document: how it is deposited, and the steps that follow."""

    name: str
    flags: Flags
    status: str
    minors_only: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Act:
    """A coded act, the code of a serviceEvent."""

    code: str
    system: str
    display: str


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a structured body and the sentences it may hold."""

    code: str
    title: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """One kind of document of a sector: a row of its table.

    `templates` are (root, extension) beside those of every document; `sizes` bytes of a document
    whose bytes are not made; `panels` how many chapters of analyses; `function` its author's
    functionCode (J47).
    """

    name: str
    weight: float
    type_code: str
    class_code: str
    format_code: str
    title: str
    templates: tuple[tuple[str, str | None], ...]
    body: str
    panels: tuple[int, int] | None
    pdf_copy: bool
    sizes: tuple[int, int]
    acts: tuple[Act, ...]
    sections: tuple[Section, ...]
    specialties: tuple[str, ...]
    function: str | None
    prescriber: bool
    order: bool
    recipient: bool
    status_code: bool
    encounter: str
    content_type_code: str
    duration_hours: tuple[float, float]
    written_after_hours: tuple[float, float]
    act_precision: str
    scenarios: tuple[tuple[Scenario, float], ...]


@dataclass(frozen=True, slots=True)
class SoftwareRow:
    """A product; each organisation has one."""

    id: str
    name: str
    version: str
    approval: str | None


@dataclass(frozen=True, slots=True)
class Sector:
    """Who feeds: products, organisations, and the kinds of documents they make."""

    name: str
    title: str
    weight: float
    software: tuple[SoftwareRow, ...]
    organisation_count: int
    organisation_names: tuple[str, ...]
    organisation_prefix: str
    professionals: tuple[int, int]
    facility_type: str
    practice_setting: str
    actor_role: str
    kinds: tuple[DocumentKind, ...]


def load(name: str) -> Any:
    """A JSON table of this folder."""
    return json.loads(files(__package__).joinpath(f"{name}.json").read_text("utf-8"))


def sector_names() -> tuple[str, ...]:
    """The sectors there are, sorted."""
    found = (
        entry.name.removesuffix(".json")
        for entry in files(__package__).iterdir()
        if entry.name.endswith(".json")
    )
    return tuple(sorted(name for name in found if name not in _NOT_SECTORS))


def read_scenarios() -> dict[str, Scenario]:
    """All scenarios by name. Raises TableError."""
    return {name: _scenario(name, row) for name, row in load("scenarios").items()}


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
    _listed(name, "facilityType", table["facilityType"], valuesets.FACILITY_CODES_DMP)
    _listed(name, "practiceSetting", table["practiceSetting"], valuesets.PRACTICE_SETTING_CODES_DMP)
    return Sector(
        name=name,
        title=table["title"],
        weight=float(table["weight"]),
        software=tuple(SoftwareRow(**row) for row in table["software"]),
        organisation_count=organisations["count"],
        organisation_names=tuple(organisations["names"]),
        organisation_prefix=organisations["prefix"],
        professionals=_pair(organisations["professionals"]),
        facility_type=table["facilityType"],
        practice_setting=table["practiceSetting"],
        actor_role=table["actorRole"],
        kinds=tuple(_kind(table, row, scenarios) for row in table["kinds"]),
    )


def _kind(
    table: dict[str, Any], row: dict[str, Any], scenarios: dict[str, Scenario]
) -> DocumentKind:
    where = f"{table['sector']}.json, {row['name']}"
    templates = tuple((root, extension) for root, extension in row["templates"])
    _listed(where, "typeCode", row["typeCode"], valuesets.TYPE_CODES_DMP)
    _listed(where, "body", row["body"], BODIES)
    specialties = tuple(row.get("specialties", table["specialties"]))
    for specialty in specialties:
        _listed(where, "specialties", specialty, frozenset(valuesets.AUTHOR_SPECIALTIES))
    if (row["body"] == "pdf") != (not templates):
        raise TableError(f"{where}: a PDF body has no templates, any other body has some")
    panels = row.get("panels")
    acts = tuple(Act(*act) for act in row.get("acts", ()) if panels is None)
    if not acts and panels is None:
        raise TableError(f"{where}: acts or panels must say what was done")
    return DocumentKind(
        name=row["name"],
        weight=float(row["weight"]),
        type_code=row["typeCode"],
        class_code=valuesets.CLASS_OF_TYPE[row["typeCode"]],
        format_code=_format(where, row, templates),
        title=row["title"],
        templates=templates,
        body=row["body"],
        panels=None if panels is None else (int(panels[0]), int(panels[1])),
        pdf_copy=row.get("pdfCopy", False),
        sizes=_pair(row["sizes"]),
        acts=acts,
        sections=tuple(
            Section(entry["code"], entry["title"], tuple(entry["text"]))
            for entry in row.get("sections", ())
        ),
        specialties=specialties,
        function=row.get("function"),
        prescriber=row.get("prescriber", False),
        order=row.get("order", False),
        recipient=row.get("recipient", False),
        status_code=row.get("statusCode", False),
        encounter=row.get("encounter", table["encounter"]),
        content_type_code=row.get("contentTypeCode", table["contentTypeCode"]),
        duration_hours=_hours(row["durationHours"]),
        written_after_hours=_hours(row["writtenAfterHours"]),
        act_precision=row.get("actPrecision", "second"),
        scenarios=_scenarios(where, row["scenarios"], scenarios),
    )


def _format(where: str, row: dict[str, Any], templates: tuple[tuple[str, str | None], ...]) -> str:
    roots = tuple(root for root, _ in templates) or (UNSTRUCTURED_TEMPLATE,)
    found = valuesets.format_of(roots, row["typeCode"], PDF)
    if found is None or not found.in_dmp:
        raise TableError(f"{where}: its templates give no format the DMP takes")
    return found.code


def _scenarios(
    where: str, weights: dict[str, float], scenarios: dict[str, Scenario]
) -> tuple[tuple[Scenario, float], ...]:
    for name in weights:
        _listed(where, "scenarios", name, frozenset(scenarios))
    return tuple((scenarios[name], float(weight)) for name, weight in weights.items())


def _scenario(name: str, row: dict[str, Any]) -> Scenario:
    first = row["first"]
    return Scenario(
        name=name,
        flags=_flags(name, first.get("flags", {})),
        status=first.get("status", "complete"),
        minors_only=row.get("minorsOnly", False),
        steps=tuple(_step(name, step) for step in row["then"]),
    )


def _step(name: str, row: dict[str, Any]) -> Step:
    _listed(f"scenarios.json, {name}", "do", row["do"], DOES)
    return Step(
        do=row["do"],
        after_hours=_hours(row["afterHours"]),
        by=row.get("by", "author"),
        flags=_flags(name, row.get("flags", {})),
        status=row.get("status", "complete"),
        visibility_only=row.get("visibilityOnly", False),
        reason=row.get("reason"),
    )


def _flags(where: str, flags: Flags) -> Flags:
    for flag in flags:
        _listed(f"scenarios.json, {where}", "flags", flag, FLAGS)
    return flags


def _listed(where: str, field: str, code: str, allowed: frozenset[str]) -> None:
    if code not in allowed:
        raise TableError(f"{where}: {field} {code!r} is not allowed")


def _pair(values: list[int]) -> tuple[int, int]:
    low, high = values
    return int(low), int(high)


def _hours(values: list[float]) -> tuple[float, float]:
    low, high = values
    return float(low), float(high)
