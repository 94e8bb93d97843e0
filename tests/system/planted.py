"""Crash points and bugs that can be planted into the product, in a process that runs its commands.

A crash point `NAME` or `NAME:N` ends the process, as kill -9 would, at its N-th pass. A bug is what
a careless change could do; each must be caught by the checker. The product itself knows of neither.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

CRASHED: Final = 137
"""Exit code of a process that met its crash point."""


class Place(NamedTuple):
    """A function of the product, and whether the process dies before it or after it."""

    module: str
    name: str
    after: bool = True


POINTS: Final[Mapping[str, Place]] = {
    "batch_polled": Place("ingest.consumer", "Consumer._read"),
    "identities_created": Place("ingest.eventstore.identities", "Identities._create"),
    "batch_decided": Place("ingest.batch", "assemble"),
    "contents_written": Place("ingest.eventstore.content", "ContentStore.put"),
    "lock_taken": Place("ingest.eventstore.store", "lock_writers"),
    "positions_moved": Place("ingest.eventstore.store", "move_sources"),
    "events_copied": Place("ingest.eventstore.store", "copy_events"),
    "all_written": Place("ingest.eventstore.store", "write_links"),
    "committed": Place("ingest.eventstore.store", "EventStore._commit"),
    "batch_finished": Place("ingest.consumer", "Consumer._finish"),
    "outcomes_published": Place("ingest.relay", "Relay._publish"),
    "rows_written": Place("projections.timeline.live", "Timeline.apply"),
    "checkpoint_committed": Place("projections.runner", "Runner._apply"),
    "notifications_published": Place("projections.notifications.relay", "_mark", after=False),
}
"""In the order of a document's way."""


def plant(what: str) -> None:
    """Plant a crash point (`NAME` or `NAME:N`) or a bug into this process."""
    name, _, count = what.partition(":")
    if name in BUGS:
        BUGS[name]()
        return
    place = POINTS[name]
    holder, attribute = _found(place)
    original = getattr(holder, attribute)
    left = int(count or 1)

    def passed(*arguments: Any, **named: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and not place.after:
            os._exit(CRASHED)
        answer = original(*arguments, **named)
        if left == 0:
            os._exit(CRASHED)
        return answer

    setattr(holder, attribute, passed)


def _found(place: Place) -> tuple[Any, str]:
    holder = _module(place.module)
    *path, attribute = place.name.split(".")
    for part in path:
        holder = getattr(holder, part)
    return holder, attribute


def _flags_forgotten() -> None:
    """The timeline takes no notice of masks set or lifted later."""
    fold = _module("projections.timeline.fold")
    fold._OF_DOCUMENTS["document_visibility_changed"] = lambda state, row, event: None


def _letters_forgotten() -> None:
    """What is refused is skipped without a trace."""
    _module("ingest.eventstore.store").write_letters = lambda cursor, letters, received_at: None


def _order_forgotten() -> None:
    """A batch is decided from its end."""
    assembly = _module("ingest.assembly").Assembly
    original = assembly.take
    assembly.take = lambda self, arrivals: original(self, list(arrivals)[::-1])


def _positions_first() -> None:
    """The positions of the feed are committed before what was read from there."""
    store = _module("ingest.eventstore.store")
    original = store.move_sources
    store.move_sources = lambda cursor, advances: _apart(
        cursor, lambda other: original(other, advances)
    )


def _checkpoint_first() -> None:
    """The checkpoint of a projection is committed before its rows."""
    runner = _module("projections.runner")
    original = runner.advance
    runner.hold_live = _live_number
    runner.advance = lambda cursor, *arguments: _apart(
        cursor, lambda other: original(other, *arguments)
    )


def _module(name: str) -> Any:
    return importlib.import_module(name)


def _live_number(cursor: Any, projection: str) -> int:
    query = "select build from projection.live where projection = %s"
    return int(cursor.execute(query, (projection,)).fetchone()[0])


def _apart(cursor: Any, work: Callable[[Any], Any]) -> Any:
    """In a transaction of its own, on a connection of its own."""
    from ingest.runtime.database import connect

    with (
        connect(cursor.connection.info.dsn, application_name="planted", autocommit=False) as conn,
        conn.cursor(binary=True) as other,
    ):
        return work(other)


BUGS: Final[Mapping[str, Callable[[], None]]] = {
    "flags_forgotten": _flags_forgotten,
    "letters_forgotten": _letters_forgotten,
    "order_forgotten": _order_forgotten,
    "positions_first": _positions_first,
    "checkpoint_first": _checkpoint_first,
}
