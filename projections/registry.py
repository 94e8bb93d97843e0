"""The projections of this program."""

from __future__ import annotations

from typing import Final

from .builds import migrate
from .notifications.live import Notifications
from .projection import Projection
from .statistics.live import Statistics
from .timeline.live import Timeline

PROJECTIONS: Final[tuple[Projection, ...]] = (Timeline(), Notifications(), Statistics())


def migrate_projections(dsn: str) -> list[str]:
    """Every projection has its tables and a live build; the names of those made now."""
    return migrate(dsn, PROJECTIONS)
