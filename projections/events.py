"""What projections ask of recorded events before they apply them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ingest.eventstore import RecordedEvent
from schemas.events import SCHEMA_OF

LIBRARY_RECORD: Final = 0
"""The record of events of the registry and of the eventsourcing library's users."""


class EventNotApplicable(Exception):
    """An event that cannot be applied: `position`, and a reason that names no person."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"the event at position {position} cannot be applied: {reason}")
        self.position = position
        self.reason = reason


def events_of_records(events: Iterable[RecordedEvent]) -> list[RecordedEvent]:
    """The events of persons' records, in the order given: projections take no others."""
    return [event for event in events if event.record != LIBRARY_RECORD]


def check_known(events: Iterable[RecordedEvent]) -> None:
    """Raises EventNotApplicable for the first event whose name this program does not know.

    A newer program wrote it. Passing it over would leave the projection with less than the log.
    """
    for event in events:
        if event.name not in SCHEMA_OF:
            raise EventNotApplicable(event.position, "a newer version of this program wrote it")
