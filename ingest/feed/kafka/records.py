"""What the Kafka client gives and answers, in our words."""

from __future__ import annotations

from typing import Any

import structlog

from ingest.feed.types import FeedRecord

log = structlog.get_logger(__name__)


def feed_record(record: Any) -> FeedRecord:
    """The client's record as ours; an unknown leader epoch is -1."""
    epoch = record.leader_epoch
    return FeedRecord(
        record.offset,
        -1 if epoch is None else epoch,
        record.timestamp,
        record.key,
        record.value,
        tuple(record.headers),
    )


def log_commit(offsets: object, answer: object) -> None:
    """The answer to a commit that is for lag tools only."""
    if isinstance(answer, Exception):
        log.warning("feed_courtesy_commit_failed", error=type(answer).__name__)
