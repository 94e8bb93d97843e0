"""Sectors, kinds of documents and scenarios as tables of data: one JSON file per sector.

A new sector is a new file of this folder: `<sector>.json`, with the fields of `Sector` and
`DocumentKind`. All codes are checked against the value sets when the file is read.

Sectors draw from number streams of their own, so that a new one changes no other. Laboratories,
hospitals and GPs came first and share theirs: a run of them stays what it was.
"""

import json
from importlib.resources import files
from typing import Any, Final

from schemas import valuesets
from schemas.valuesets import UNSTRUCTURED_TEMPLATE

from .rows import (
    TOGETHER,
    Act,
    DocumentKind,
    Flags,
    Scenario,
    Section,
    Sector,
    SoftwareRow,
    Step,
    TableError,
)

BODIES: Final = frozenset({"biology", "sections", "vaccination", "pdf", "kos"})
WITHOUT_TEMPLATES: Final = frozenset({"pdf", "kos"})
AUTHORS: Final = frozenset({"professional", "patient", "machine"})
DOES: Final = frozenset({"replace", "visibility", "archive", "unarchive", "delete"})
FLAGS: Final = frozenset({"masquePs", "invisiblePatient", "invisibleRepresentantsLegaux"})
SIRET: Final = "3"
"""Prefix of an organisation's number that is a SIRET (SPEC b.2)."""
PDF: Final = "application/pdf"
CDA: Final = "text/xml"
_NOT_SECTORS: Final = frozenset({"scenarios", "people", "analyses", "dicom", "day"})


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


def all_sectors() -> tuple[str, ...]:
    """All sectors, those that share their streams first."""
    return (*TOGETHER, *(name for name in sector_names() if name not in TOGETHER))


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
    author = table.get("author", "professional")
    _listed(name, "author", author, AUTHORS)
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
        professionals=_pair(organisations["professionals"]),
        facility_type=table["facilityType"],
        practice_setting=table["practiceSetting"],
        actor_role=table["actorRole"],
        author=author,
        ages=_pair(table["ages"]) if "ages" in table else None,
        kinds=tuple(_kind(table, row, scenarios) for row in table["kinds"]),
    )
    for kind in sector.kinds:
        if kind.follower is not None:
            sector.kind(kind.follower)
    return sector


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
    if (row["body"] in WITHOUT_TEMPLATES) != (not templates):
        raise TableError(f"{where}: a PDF or KOS has no templates, any other body has some")
    if row["body"] == "kos" and not row.get("study"):
        raise TableError(f"{where}: a KOS is about an imaging study")
    panels = row.get("panels")
    acts = tuple(Act(*act) for act in row.get("acts", ()) if panels is None)
    if not acts and panels is None and row["body"] != "kos":
        raise TableError(f"{where}: acts or panels must say what was done")
    follower, share = row.get("followedBy", (None, 0.0))
    return DocumentKind(
        name=row["name"],
        weight=float(row["weight"]),
        type_code=row["typeCode"],
        class_code=valuesets.CLASS_OF_TYPE[row["typeCode"]],
        format_code=_format(where, row, templates),
        mime_type=_mime_type(where, row),
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
        study=row.get("study", False),
        recipient=row.get("recipient", False),
        status_code=row.get("statusCode", False),
        follower=follower,
        follower_share=float(share),
        encounter=row.get("encounter", table["encounter"]),
        content_type_code=row.get("contentTypeCode", table["contentTypeCode"]),
        duration_hours=_hours(row["durationHours"]),
        written_after_hours=_hours(row["writtenAfterHours"]),
        act_precision=row.get("actPrecision", "second"),
        scenarios=_scenarios(where, row["scenarios"], scenarios),
    )


def _format(where: str, row: dict[str, Any], templates: tuple[tuple[str, str | None], ...]) -> str:
    if "formatCode" in row:
        _listed(where, "formatCode", row["formatCode"], valuesets.FORMAT_CODES_DMP)
        return str(row["formatCode"])
    roots = tuple(root for root, _ in templates) or (UNSTRUCTURED_TEMPLATE,)
    found = valuesets.format_of(roots, row["typeCode"], PDF)
    if found is None or not found.in_dmp:
        raise TableError(f"{where}: its templates give no format the DMP takes")
    return found.code


def _mime_type(where: str, row: dict[str, Any]) -> str:
    found: str = row.get("mimeType", CDA)
    _listed(where, "mimeType", found, valuesets.MIME_TYPES)
    if (found == CDA) == (row["body"] == "kos"):
        raise TableError(f"{where}: mimeType {found!r} does not fit its body")
    return found


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
