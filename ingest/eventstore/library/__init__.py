"""The log as the eventsourcing library sees it; imports the whole event store.

`PERSISTENCE_MODULE=ingest.eventstore.library`: applications and projections written with that
library alone run on our log. Settings come from `HISTOIRE_*` in their environment.
"""

from .factory import HistoireFactory

__all__ = ["HistoireFactory"]
