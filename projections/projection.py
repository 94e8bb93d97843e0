"""What a projection is, and the ports it reads through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg

from ingest.eventstore.log.batch import RecordedEvent

from .opened import OpenedEvent

Cursor = psycopg.Cursor[Any]


class EventLog(Protocol):
    """The reads of the event store that projections use."""

    def read_after(self, position: int, limit: int) -> list[RecordedEvent]:
        """Up to `limit` events with greater positions, opened, in order."""

    def read_record(self, record: int) -> list[RecordedEvent]:
        """All events of a record, opened, in order of position."""

    def max_position(self) -> int:
        """Position of the newest event, 0 when there is none."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """By how many keys (persons, figures) two builds were compared, how many of them differ, and
    which: at most 20.
    """

    compared: int
    differing: int
    keys: list[str]


class Projection(Protocol):
    """Turns events into rows of its own tables. Knows neither threads nor transactions.

    `version`: of its code and the shape of its tables; a build made by another one is not touched.
    Its tables exist once per build, the build's number in their names.
    """

    @property
    def name(self) -> str:
        """Stable: part of the names of its tables."""

    @property
    def version(self) -> int:
        """Goes up when the same events would give other rows or tables."""

    @property
    def takes(self) -> frozenset[str]:
        """Names of the events it is given."""

    @property
    def rebuildable(self) -> bool:
        """Whether its rows are nothing but a function of the log."""

    def tables(self, build: int) -> Sequence[str]:
        """Statements that make the tables of a build."""

    def indexes(self, build: int) -> Sequence[str]:
        """Statements that make the indexes a bulk load is better off without."""

    def table_names(self, build: int) -> Sequence[str]:
        """The tables of a build."""

    def apply(
        self, cursor: Cursor, build: int, log: EventLog, events: Sequence[OpenedEvent]
    ) -> None:
        """The rows are those after these events (in order of position, names among `takes`).

        Applied again, the same events change nothing. `log`: for what is folded again. Raises
        EventNotApplicable or StoredEventError when an event cannot be applied.
        """

    def forget(
        self, cursor: Cursor, build: int, log: EventLog, records: Iterable[int], upto: int
    ) -> None:
        """Nothing is left of records that were erased, in a build that has come to `upto`."""

    def compare(self, cursor: Cursor, old: int, new: int) -> Comparison:
        """Whether two builds at the same position say the same."""
