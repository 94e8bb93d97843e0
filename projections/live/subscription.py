"""Ordered reading of the log after a position, shared by the projections of a process."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg

from ingest.eventstore import RecordedEvent
from ingest.eventstore.locks import CHANNEL
from ingest.runtime.postgres.database import connect
from projections.events import events_of_records
from projections.projection import EventLog


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive events after a position.

    `last`, `recorded_at`: of the last event read. `count`: number of events read, with those of the
    library's users, which `events` leaves out.
    """

    events: list[RecordedEvent]
    last: int
    recorded_at: datetime
    count: int


class Subscription:
    """Pages of the log. Projections at the same position get the same page, read and decoded once.

    Numbers are missing between positions: only "greater than" is ever asked (decision 0015).
    """

    def __init__(self, log: EventLog, limit: int, *, keep: int = 2) -> None:
        self._log: Final = log
        self._limit: Final = limit
        self._keep: Final = keep
        self._pages: OrderedDict[int, Page] = OrderedDict()

    def page_after(self, position: int) -> Page | None:
        """The next page, shared. None when no event follows the position now."""
        page = self._pages.get(position)
        if page is None or page.count < self._limit:  # a short page may have grown since
            page = self.read_after(position, self._limit)
            if page is not None:
                self._pages[position] = page
                while len(self._pages) > self._keep:
                    self._pages.popitem(last=False)
        return page

    def read_after(self, position: int, limit: int) -> Page | None:
        """The next page of `limit` events at most, not shared."""
        events = self._log.read_after(position, limit)
        if not events:
            return None
        last = events[-1]
        return Page(events_of_records(events), last.position, last.recorded_at, len(events))


class WakeUp:
    """Waits for the next append. Polling finds an append whose wake-up was lost."""

    def __init__(self, dsn: str) -> None:
        self._dsn: Final = dsn
        self._conn: psycopg.Connection[Any] | None = None

    def wait(self, seconds: float) -> None:
        """Returns after an append or `seconds`, whichever comes first. Raises psycopg errors."""
        conn = self._conn
        if conn is None or conn.closed:
            conn = self._conn = connect(self._dsn, application_name="histoire-wake-up")
            conn.execute(f"listen {CHANNEL}".encode())
            return  # something may have been appended before we listened
        for _ in conn.notifies(timeout=seconds, stop_after=1):
            pass

    def close(self) -> None:
        """No connection is left."""
        if self._conn is not None:
            self._conn.close()
