"""Events as projections take them: opened, decoded at most once, whoever asks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from ingest.eventstore.batch import RecordedEvent
from schemas.codec.messages import decode_event
from schemas.events import SCHEMA_OF

LIBRARY_RECORD: Final = 0


class EventNotApplicable(Exception):
    """An event that cannot be applied: `position`, and a reason that names no person."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"the event at position {position} cannot be applied: {reason}")
        self.position = position
        self.reason = reason


class OpenedEvent:
    """A recorded event; `said` decodes it at the first use and keeps it, for all projections.

    `erased`: its key was destroyed; then it says nothing, for ever.
    """

    __slots__ = ("_said", "name", "position", "record", "recorded_at", "state", "stream")

    def __init__(self, event: RecordedEvent) -> None:
        self.position: int = event.position
        self.record: int = event.record
        self.recorded_at: datetime = event.recorded_at
        self.stream: bytes = event.stream
        self.name: str = event.name
        self.state: bytes | None = event.state
        self._said: dict[str, Any] | None = None

    @property
    def erased(self) -> bool:
        """Whether nothing can be read of it any more."""
        return self.state is None

    @property
    def said(self) -> dict[str, Any]:
        """The datum, of the newest version of its schema.

        Raises StoredEventError (`schemas.codec`) on unreadable bytes; ValueError when erased.
        """
        said = self._said
        if said is None:
            if self.state is None:
                raise ValueError("an erased event says nothing")
            said = self._said = decode_event(SCHEMA_OF[self.name], self.state)
        return said

    def forget(self) -> None:
        """It is as if read after the erasure of its record."""
        self.state = None
        self._said = None


def open_events(events: Iterable[RecordedEvent]) -> list[OpenedEvent]:
    """The events of records, in the order given; those of the library's users (record 0) are not
    ours and left out.
    """
    return [OpenedEvent(event) for event in events if event.record != LIBRARY_RECORD]


def check_known(events: Iterable[OpenedEvent]) -> None:
    """Raises EventNotApplicable for the first event whose name this program does not know.

    It was written by a newer program: to pass it over would be to say less than the log.
    """
    for event in events:
        if event.name not in SCHEMA_OF:
            raise EventNotApplicable(event.position, "a newer version of this program wrote it")
