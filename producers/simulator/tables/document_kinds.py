"""The kinds of documents of a sector: the rows of its table, every code checked."""

from typing import Any, Final

from producers.simulator.tables.cells import CDA, PDF, check_listed, hours, pair
from producers.simulator.tables.rows import (
    Act,
    DocumentKind,
    Scenario,
    Section,
    TableError,
)
from producers.simulator.tables.scenarios import weighted_scenarios
from schemas import valuesets
from schemas.valuesets import UNSTRUCTURED_TEMPLATE

BODIES: Final = frozenset({"biology", "sections", "vaccination", "pdf", "kos"})
WITHOUT_TEMPLATES: Final = frozenset({"pdf", "kos"})


def document_kind(
    table: dict[str, Any], row: dict[str, Any], scenarios: dict[str, Scenario]
) -> DocumentKind:
    """A row of the table of a sector. Raises TableError, or KeyError for an absent field."""
    where = f"{table['sector']}.json, {row['name']}"
    templates = tuple((root, extension) for root, extension in row["templates"])
    check_listed(where, "typeCode", row["typeCode"], valuesets.TYPE_CODES_DMP)
    check_listed(where, "body", row["body"], BODIES)
    specialties = tuple(row.get("specialties", table["specialties"]))
    for specialty in specialties:
        check_listed(where, "specialties", specialty, frozenset(valuesets.AUTHOR_SPECIALTIES))
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
        sizes=pair(row["sizes"]),
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
        duration_hours=hours(row["durationHours"]),
        written_after_hours=hours(row["writtenAfterHours"]),
        act_precision=row.get("actPrecision", "second"),
        scenarios=weighted_scenarios(where, row["scenarios"], scenarios),
    )


def _format(where: str, row: dict[str, Any], templates: tuple[tuple[str, str | None], ...]) -> str:
    if "formatCode" in row:
        check_listed(where, "formatCode", row["formatCode"], valuesets.FORMAT_CODES_DMP)
        return str(row["formatCode"])
    roots = tuple(root for root, _ in templates) or (UNSTRUCTURED_TEMPLATE,)
    found = valuesets.format_of(roots, row["typeCode"], PDF)
    if found is None or not found.in_dmp:
        raise TableError(f"{where}: its templates give no format the DMP takes")
    return found.code


def _mime_type(where: str, row: dict[str, Any]) -> str:
    found: str = row.get("mimeType", CDA)
    check_listed(where, "mimeType", found, valuesets.MIME_TYPES)
    if (found == CDA) == (row["body"] == "kos"):
        raise TableError(f"{where}: mimeType {found!r} does not fit its body")
    return found
