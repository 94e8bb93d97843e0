"""The list of projections, and what is done to all of them."""

from __future__ import annotations

from typing import Final

from ingest.eventstore import EventStore
from ingest.runtime.console import CommandError, Exit
from projections.access.live import Access
from projections.notifications.live import Notifications
from projections.statistics.live import Statistics
from projections.timeline.live import Timeline

from .builds import migrate
from .erased_records import remove_erased_records
from .projection import Projection

PROJECTIONS: Final[tuple[Projection, ...]] = (
    Timeline(),
    Notifications(),
    Statistics(),
    Access(),
)


def migrate_projections(dsn: str) -> list[str]:
    """Every projection has its tables and a live build. Returns a name for each build made now."""
    return migrate(dsn, PROJECTIONS)


def remove_erased_from_projections(dsn: str, store: EventStore, records: list[int]) -> None:
    """Nothing is left of these records in any projection. Call after `EventStore.erase`."""
    remove_erased_records(dsn, store.reading, PROJECTIONS, records)


def projection_named(name: str) -> Projection:
    """The projection of that name. Raises CommandError for an unknown name."""
    for projection in PROJECTIONS:
        if projection.name == name:
            return projection
    names = ", ".join(projection.name for projection in PROJECTIONS)
    raise CommandError("there is no projection of that name", f"There are: {names}.", Exit.USAGE)
