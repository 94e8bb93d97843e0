"""The event store: the only door to the log, the keys and the document bytes (decision 0010).

It imports runtime and schemas.
"""

from ingest.eventstore.keys.store_secrets import Migrated, migrate

from .append_batch import (
    AppendBatch,
    Appended,
    AppliedMessage,
    DeadLetterDecision,
    Fenced,
    HeadChange,
    KeyMissing,
    LostRace,
    NewContent,
    NewDeadLetter,
    NewEvent,
    NewOutcomes,
    PendingLink,
    RecordedEvent,
    RecordRef,
    SourceAdvance,
    SourceOffsets,
    StoreError,
    UnknownCommit,
    WaitingDeadLetter,
)
from .store import EventStore, migrate_store

__all__ = [
    "AppendBatch",
    "Appended",
    "AppliedMessage",
    "DeadLetterDecision",
    "EventStore",
    "Fenced",
    "HeadChange",
    "KeyMissing",
    "LostRace",
    "Migrated",
    "NewContent",
    "NewDeadLetter",
    "NewEvent",
    "NewOutcomes",
    "PendingLink",
    "RecordRef",
    "RecordedEvent",
    "SourceAdvance",
    "SourceOffsets",
    "StoreError",
    "UnknownCommit",
    "WaitingDeadLetter",
    "migrate",
    "migrate_store",
]
