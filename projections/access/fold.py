"""Events become permissions and traces. Pure: no database, no clock.

A permission keeps the position of the last event that gave it and of the last that took it back.
Hence the order of batches never matters, and an event applied again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ingest.eventstore import RecordedEvent
from projections.persons import LINK_EVENTS
from schemas import events as names

from .row import NOBODY, Matter, Permission, Trace

Key = tuple[int, Matter, str]

_ABOUT_SOMEBODY: Final[Mapping[str, tuple[Matter, bool]]] = {
    names.ACCESS_AUTHORISED: (Matter.AUTHORISED, True),
    names.ACCESS_WITHDRAWN: (Matter.AUTHORISED, False),
    names.PROFESSIONAL_BLOCKED: (Matter.BLOCKED, True),
    names.PROFESSIONAL_UNBLOCKED: (Matter.BLOCKED, False),
    names.ATTENDING_PHYSICIAN_DESIGNATED: (Matter.ATTENDING, True),
    names.ATTENDING_PHYSICIAN_ENDED: (Matter.ATTENDING, False),
}
_OPPOSITIONS: Final[Mapping[str, bool]] = {
    names.EMERGENCY_ACCESS_OPPOSED: True,
    names.EMERGENCY_OPPOSITION_WITHDRAWN: False,
}
_OPPOSED: Final = {
    "BREAK_GLASS": Matter.BREAK_GLASS_OPPOSED,
    "REGULATION": Matter.REGULATION_OPPOSED,
}
TAKES: Final = frozenset({*_ABOUT_SOMEBODY, *_OPPOSITIONS, names.RECORD_ACCESSED, *LINK_EVENTS})
"""Names of the events that the projection is made of."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_FIRST: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND
_LAST: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND


def permissions(events: Iterable[RecordedEvent]) -> dict[Key, Permission]:
    """The permissions that these events give or take back, joined by key; none of erased events."""
    found: dict[Key, Permission] = {}
    for event in events:
        for permission in () if event.erased else _permissions(event):
            key = (permission.record, permission.matter, permission.subject)
            found.setdefault(key, permission).join(permission)
    return found


def traces(events: Iterable[RecordedEvent]) -> list[Trace]:
    """The accesses among these events."""
    return [
        _trace(event)
        for event in events
        if event.name == names.RECORD_ACCESSED and not event.erased
    ]


def _permissions(event: RecordedEvent) -> Iterator[Permission]:
    """What the event gives or takes back. The end of a block takes back all that the holder had: it
    gives back nothing, also under an INS that is linked later.
    """
    permission = _permission(event)
    if permission is not None:
        yield permission
        if event.name == names.PROFESSIONAL_UNBLOCKED:
            for matter in (Matter.AUTHORISED, Matter.ATTENDING):
                yield replace(permission, matter=matter)


def _permission(event: RecordedEvent) -> Permission | None:
    if event.name in _ABOUT_SOMEBODY:
        matter, on = _ABOUT_SOMEBODY[event.name]
        subject = _text(event.datum["professionalId"]) or NOBODY
    elif event.name in _OPPOSITIONS:
        on, subject = _OPPOSITIONS[event.name], NOBODY
        matter = _OPPOSED[event.datum["access"]]
    else:
        return None
    permission = Permission(event.record, matter, subject)
    if not on:
        permission.unsaid = event.position
        return permission
    permission.said, permission.since = event.position, event.recorded_at
    permission.name = _text(event.datum.get("professionalName"))
    until = event.datum.get("until")
    permission.until = None if until is None else moment(until)
    return permission


def _trace(event: RecordedEvent) -> Trace:
    datum = event.datum
    actor, software = datum["provenance"]["actor"], datum["provenance"]["software"]
    return Trace(
        position=event.position,
        record=event.record,
        recorded_at=event.recorded_at,
        accessed_at=moment(datum["accessedAt"]),
        mode=datum["mode"],
        action=datum["action"],
        outcome=datum["outcome"],
        motive=_text(datum["motive"]),
        actor_id=_text(actor["id"]) or NOBODY,
        actor_name=_text(actor["name"]),
        role=_text(actor["roleCode"]),
        organisation_id=_text(actor["organisationId"]),
        organisation_name=_text(actor["organisationName"]),
        sector=_text(actor["sectorCode"]),
        software=_text(f"{software['name']} {software['version']}") or NOBODY,
        document_ids=tuple(_text(unique_id) or NOBODY for unique_id in datum["documentIds"]),
    )


def moment(milliseconds: int) -> datetime:
    """The moment of milliseconds since 1970. Outside of the calendar: its first or last moment."""
    return _EPOCH + timedelta(milliseconds=min(max(milliseconds, _FIRST), _LAST))


def _text(given: Any) -> str | None:
    """PostgreSQL keeps no NUL in a text."""
    return None if given is None else str(given).replace("\0", "\ufffd")
