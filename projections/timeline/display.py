"""A timeline as JSON for programs and as text for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from schemas.events import DocumentFlags, DocumentStatus

from .query import Entry, PersonTimeline, by_day

_SHOWN_FLAGS: Final = {
    DocumentFlags.MASQUE_PS: "masqué aux professionnels",
    DocumentFlags.INVISIBLE_PATIENT: "non visible du patient",
    DocumentFlags.INVISIBLE_REPRESENTANTS_LEGAUX: "non visible des représentants légaux",
}

SHOWN_OF_ID: Final = 24


def as_json(timeline: PersonTimeline, reader: str, now: datetime, *, archived: bool) -> Any:
    """One object. `count` counts what the reader sees; archived documents are listed on demand."""
    return {
        "person": timeline.person,
        "position": timeline.position,
        "reader": reader,
        "at": now,
        "count": len(timeline.current),
        "days": _days(timeline.current),
        "archivedCount": len(timeline.archived),
        "archivedDays": _days(timeline.archived) if archived else None,
    }


def _days(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    return [
        {"day": day, "documents": [_document(entry) for entry in of_day]}
        for day, of_day in by_day(entries).items()
    ]


def _document(entry: Entry) -> dict[str, Any]:
    row = entry.row
    return {
        "uniqueId": row.unique_id,
        "lineage": row.lineage,
        "typeCode": row.type_code,
        "typeLabel": entry.type_label,
        "classCode": row.class_code,
        "title": row.title,
        "authors": entry.authors,
        "serviceStartTime": row.act,
        "creationTime": row.created,
        "submittedAt": row.submitted_at,
        "visibleSince": row.visible_since,
        "status": DocumentStatus(row.status).name,
        "flags": [flag.name for flag in _SHOWN_FLAGS if row.flags & flag],
        "healthcareFacilityTypeCode": row.facility_type,
        "practiceSettingCode": row.practice_setting,
        "confidentialityCode": row.confidentiality,
        "mimeType": row.mime_type,
        "size": row.size,
        "sha256": row.sha256,
    }


def print_timeline(console: Console, timeline: PersonTimeline, *, archived: bool) -> None:
    """Prints by day, newest act first; archived documents under a heading of their own."""
    _print_days(console, timeline.current)
    if not timeline.current:
        console.print("Aucun document.")
    if timeline.archived and archived:
        console.print(Text("\nDocuments archivés", style="bold underline"))
        _print_days(console, timeline.archived)
    elif timeline.archived:
        console.print(Text(f"\n{len(timeline.archived)} archivé(s) : --archived", style="dim"))


def _print_days(console: Console, entries: Iterable[Entry]) -> None:
    for day, of_day in by_day(entries).items():
        console.print(Text(day, style="bold cyan"))
        for entry in of_day:
            console.print(_line(entry))


def _line(entry: Entry) -> Text:
    author = entry.authors[0] if entry.authors else {}
    who = " · ".join(filter(None, (author.get("name"), author.get("organisationName"))))
    line = Text.assemble("  ", (entry.row.title, "bold"), f"  [{entry.type_label}]")
    if who:
        line.append(f"  {who}")
    line.append(f"  {entry.sector_label}  {short_id(entry.row.unique_id)}", style="dim")
    for flag, label in _SHOWN_FLAGS.items():
        if entry.row.flags & flag:
            line.append(f"  ({label})", style="yellow")
    return line


def short_id(unique_id: str) -> str:
    """The uniqueId, or the end of one over 24 characters: the end tells documents apart."""
    return unique_id if len(unique_id) <= SHOWN_OF_ID else "…" + unique_id[1 - SHOWN_OF_ID :]
