"""Permissions and accesses as JSON for programs and as text for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from projections.access.row import Permission
from projections.timeline.accesses import SeenAccess, SeenTrace
from schemas.policy.may_do import PATIENT_ROLE
from schemas.policy.may_see import PARIS
from schemas.valuesets import FACILITIES, SUBJECT_ROLES

_MODES: Final = {
    "NORMAL": "",
    "BREAK_GLASS": "bris de glace",
    "REGULATION": "centre de régulation",
    "SECRET": "connexion secrète",
}
_ACTIONS: Final = {"LIST": "liste consultée", "READ": "documents ouverts"}


def as_json(seen: SeenAccess, reader: str, now: datetime) -> dict[str, Any]:
    """One object. `count` is the number of accesses listed."""
    return {
        "position": seen.position,
        "reader": reader,
        "at": now,
        "attending": None if seen.attending is None else _permission(seen.attending),
        "authorised": [_permission(permission) for permission in seen.authorised],
        "blocked": [_permission(permission) for permission in seen.blocked],
        "breakGlassOpposed": seen.break_glass_opposed,
        "regulationOpposed": seen.regulation_opposed,
        "count": len(seen.traces),
        "accesses": [_access(each) for each in seen.traces],
    }


def _permission(permission: Permission) -> dict[str, Any]:
    return {
        "id": permission.subject,
        "name": permission.name,
        "since": permission.since,
        "until": permission.until,
    }


def _access(seen: SeenTrace) -> dict[str, Any]:
    trace = seen.trace
    return {
        "accessedAt": trace.accessed_at,
        "recordedAt": trace.recorded_at,
        "mode": trace.mode,
        "action": trace.action,
        "outcome": trace.outcome,
        "motive": trace.motive,
        "actorId": trace.actor_id,
        "actorName": trace.actor_name,
        "roleCode": trace.role,
        "roleLabel": _role(trace.role),
        "organisationId": trace.organisation_id,
        "organisationName": trace.organisation_name,
        "sectorCode": trace.sector,
        "software": trace.software,
        "documents": [
            {"uniqueId": e.row.unique_id, "typeCode": e.row.type_code, "title": e.row.title}
            for e in seen.documents
        ],
    }


def print_accesses(console: Console, seen: SeenAccess) -> None:
    """Prints who may read, then the accesses, newest first."""
    if seen.attending is not None:
        console.print(Text(f"Médecin traitant : {_who(seen.attending)}"))
    for permission in seen.authorised:
        console.print(Text(f"Autorisé jusqu'au {_moment(permission.until)} : {_who(permission)}"))
    for permission in seen.blocked:
        console.print(Text(f"Bloqué : {_who(permission)}", style="yellow"))
    if seen.break_glass_opposed:
        console.print("Opposition au bris de glace")
    if seen.regulation_opposed:
        console.print("Opposition à l'accès du centre de régulation")
    if not seen.traces:
        console.print("Aucun accès.")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("quand", no_wrap=True)
    for title in ("qui", "où", "comment", "quoi"):
        table.add_column(title, overflow="fold")
    for each in seen.traces:
        table.add_row(*_row(each))
    console.print(table)


def _row(seen: SeenTrace) -> tuple[Text, ...]:
    trace = seen.trace
    who = " · ".join(filter(None, (trace.actor_name or trace.actor_id, _role(trace.role))))
    if trace.role == PATIENT_ROLE:
        who = "le patient"  # whose identifier is his INS
    listed = FACILITIES.get(trace.sector or "")
    sector = listed.label if listed else trace.sector
    where = trace.organisation_name or trace.organisation_id or sector
    refused = "refusé" if trace.outcome == "REFUSED" else ""
    how = " · ".join(filter(None, (_MODES.get(trace.mode, trace.mode), trace.motive, refused)))
    titles = ", ".join(entry.row.title for entry in seen.documents)
    what = f"{_ACTIONS.get(trace.action, trace.action)}{' : ' if titles else ''}{titles}"
    return tuple(Text(cell or "") for cell in (_moment(trace.accessed_at), who, where, how, what))


def _who(permission: Permission) -> str:
    return f"{permission.name} ({permission.subject})" if permission.name else permission.subject


def _role(code: str | None) -> str | None:
    listed = SUBJECT_ROLES.get(code or "")
    return listed.label if listed else code


def _moment(moment: datetime | None) -> str:
    """The moment in Paris. In the first and last year, which have no other zone, the day alone."""
    if moment is None or not 1 < moment.year < 9999:
        return "" if moment is None else f"{moment:%Y-%m-%d}"
    return f"{moment.astimezone(PARIS):%Y-%m-%d %H:%M}"
