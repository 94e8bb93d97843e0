"""From events to permissions and traces. Pure: no database, no clock.

A permission remembers the last time it was said and the last time it was taken back, each by
position, so the order of batches never matters and an event applied again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from projections.opened import OpenedEvent
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
"""Names of the events the projection is made of."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_FIRST: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND
_LAST: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND


def permissions(events: Iterable[OpenedEvent]) -> dict[Key, Permission]:
    """The words these events say on permissions, joined by key. Erased ones say nothing."""
    found: dict[Key, Permission] = {}
    for event in events:
        word = None if event.erased else _word(event)
        if word is not None:
            key = (word.record, word.matter, word.subject)
            found.setdefault(key, word).join(word)
    return found


def traces(events: Iterable[OpenedEvent]) -> list[Trace]:
    """The accesses among these events."""
    return [
        _trace(event)
        for event in events
        if event.name == names.RECORD_ACCESSED and not event.erased
    ]


def _word(event: OpenedEvent) -> Permission | None:
    if event.name in _ABOUT_SOMEBODY:
        matter, on = _ABOUT_SOMEBODY[event.name]
        subject = _text(event.said["professionalId"]) or NOBODY
    elif event.name in _OPPOSITIONS:
        on, subject = _OPPOSITIONS[event.name], NOBODY
        matter = _OPPOSED[event.said["access"]]
    else:
        return None
    word = Permission(event.record, matter, subject)
    if not on:
        word.unsaid = event.position
        return word
    word.said, word.since = event.position, event.recorded_at
    word.name = _text(event.said.get("professionalName"))
    until = event.said.get("until")
    word.until = None if until is None else moment(until)
    return word


def _trace(event: OpenedEvent) -> Trace:
    datum = event.said
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
    """A moment of the feed; one out of the calendar's reach is its first or last."""
    return _EPOCH + timedelta(milliseconds=min(max(milliseconds, _FIRST), _LAST))


def _text(given: Any) -> str | None:
    """PostgreSQL keeps no NUL in a text."""
    return None if given is None else str(given).replace("\0", "\ufffd")
