"""What a projection is, and the reads of the log that projections use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg

from ingest.eventstore.append_batch import RecordedEvent

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
    """Two builds compared key by key. A key is a person, a record or a figure.

    `compared`: number of keys; `differing`: number of keys that differ; `keys`: 20 of them at most.
    """

    compared: int
    differing: int
    keys: list[str]


class Projection(Protocol):
    """Turns events into rows of its own tables. It knows no thread and no transaction.

    Each build has tables of its own, with the number of the build in their names. A build made by
    another `version` is left alone.
    """

    @property
    def name(self) -> str:
        """The name for ever: part of the names of the tables."""

    @property
    def version(self) -> int:
        """Version of the code and of the tables. Raise it when the same events give other rows."""

    @property
    def takes(self) -> frozenset[str]:
        """Names of the events that `apply` is given."""

    @property
    def rebuildable(self) -> bool:
        """True when the rows are a function of the log and of nothing else."""

    def tables(self, build: int) -> Sequence[str]:
        """Statements that make the tables of a build."""

    def indexes(self, build: int) -> Sequence[str]:
        """Statements that make the indexes. A bulk load runs them at its end."""

    def table_names(self, build: int) -> Sequence[str]:
        """The tables of a build."""

    def apply(
        self, cursor: Cursor, build: int, log: EventLog, events: Sequence[RecordedEvent]
    ) -> None:
        """The rows are those after `events`: in order of position, names among `takes`.

        The same events applied again change nothing. `log` serves records folded again. Raises
        EventNotApplicable or StoredEventError when an event cannot be applied.
        """

    def forget(
        self, cursor: Cursor, build: int, log: EventLog, records: Iterable[int], upto: int
    ) -> None:
        """Nothing is left of these erased records in a build whose checkpoint is `upto`."""

    def compare(self, cursor: Cursor, old: int, new: int) -> Comparison:
        """Compares two builds at the same position, by the content of their rows."""
