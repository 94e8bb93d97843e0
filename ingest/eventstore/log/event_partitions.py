"""Partitions of `event`, made long before their positions are needed (decision 0010)."""

from __future__ import annotations

from typing import Final

from ingest.eventstore.sessions import Session

AHEAD: Final = 10_000_000
"""Positions for which there is room beyond those about to be given."""


class EventPartitions:
    """What this process knows of the partitions of `event`.

    There is no default partition: rows in it would block the making of later ones.
    """

    def __init__(self, session: Session) -> None:
        self._session: Final = session
        self._end = 0
        self._last = 0

    def make_ahead(self, count: int) -> None:
        """There are partitions for `count` more events and AHEAD more beyond them.

        This is a transaction of its own: no other writer can use up AHEAD positions between this
        and the commit, and each writer makes its own partitions ahead.
        """
        if self._last + count + AHEAD <= self._end:
            return
        with self._session.lock:
            ((self._end, self._last),) = self._session.connection.execute(
                "select make_event_partitions(position + %s), position from log_head",
                (count + 2 * AHEAD,),
            ).fetchall()

    def note_used(self, last: int) -> None:
        """Positions were given up to `last`."""
        self._last = last
