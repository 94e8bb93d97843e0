"""What the events of a record do to its row on the timeline. Pure.

The head of the record has more bits (`ingest.facts.evolve`): why it is closed, which the row keeps
as `closure`, and whether an identity was declared, which no reader is asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from schemas import events as names
from schemas.events import RecordFlags
from schemas.policy.may_see import earliest_birth_date

from .row import RecordRow

Change = Callable[[RecordRow, Mapping[str, Any]], None]
"""Changes the row of a record by the datum of an event."""


def _opened(record: RecordRow, datum: Mapping[str, Any]) -> None:
    record.state = (record.state | RecordFlags.OPENED) & ~RecordFlags.CLOSED
    record.closure = None


def _closed(record: RecordRow, datum: Mapping[str, Any]) -> None:
    record.state |= RecordFlags.CLOSED
    record.closure = datum["reasonCode"]


def _declared(record: RecordRow, datum: Mapping[str, Any]) -> None:
    record.state &= ~RecordFlags.REVOKED
    record.birth_date = earliest_birth_date(datum["traits"]["birthDate"]) or record.birth_date


def _turn(bit: RecordFlags, on: bool) -> Change:
    def change(record: RecordRow, datum: Mapping[str, Any]) -> None:
        record.state = record.state | bit if on else record.state & ~bit

    return change


OF_RECORDS: Final[Mapping[str, Change]] = {
    names.RECORD_OPENED: _opened,
    names.RECORD_CLOSED: _closed,
    names.IDENTITY_DECLARED: _declared,
    names.RECORD_ACTIVATED: _turn(RecordFlags.ACTIVATED, True),
    names.RECORD_OPPOSED: _turn(RecordFlags.OPPOSED, True),
    names.OPPOSITION_WITHDRAWN: _turn(RecordFlags.OPPOSED, False),
    names.IDENTITY_REVOKED: _turn(RecordFlags.REVOKED, True),
}
"""By name of the event. Why a record is closed is a column of its own: `closure`."""
