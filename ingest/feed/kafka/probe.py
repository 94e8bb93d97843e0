"""Facts about partitions, asked over a consumer of its own that belongs to no group.

The group's consumer must not be disturbed: a seek there moves what is read next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, LeaderNotAvailableError, OffsetOutOfRangeError

from ingest.feed.types import FeedRecordIdentity, FeedUnavailable
from ingest.runtime.settings import Settings

from .connection import start_client, translated

_REQUEST_MS = 5_000
_LAG_MS = 1_000
_READ_MS = 5_000


@dataclass(frozen=True, slots=True)
class LogEnds:
    """A partition holds the offsets [log_start, log_end)."""

    log_start: int
    log_end: int


class KafkaProbe:
    """Asks for offsets and single records. Safe to use from several threads."""

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._lock = threading.Lock()
        self._consumer: KafkaConsumer | None = None

    def log_ends(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, LogEnds]:
        """Start and end of each partition's log. Raises FeedUnavailable, FeedError."""
        with self._lock:
            consumer = self._connected()
            try:
                starts = _told(consumer.beginning_offsets, partitions, _REQUEST_MS)
                ends = _told(consumer.end_offsets, partitions, _REQUEST_MS)
            except KafkaError as error:
                raise translated(error) from error
        return {tp: LogEnds(starts[tp], ends[tp]) for tp in partitions}

    def ends(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The end of each partition's log, as far as it is told within a second."""
        if not partitions:
            return {}
        try:
            with self._lock:
                found = _told(self._connected().end_offsets, partitions, _LAG_MS)
        except (KafkaError, FeedUnavailable):
            return {}
        return found

    def identity_at(self, partition: TopicPartition, offset: int) -> FeedRecordIdentity | None:
        """What the record at this offset is; None when there is none.

        Raises FeedUnavailable, FeedError.
        """
        with self._lock:
            consumer = self._connected()
            try:
                end = _told(consumer.end_offsets, [partition], _REQUEST_MS)[partition]
                if offset >= end:
                    return None
                consumer.assign([partition])
                consumer.seek(partition, offset)
                polled = consumer.poll(_READ_MS, max_records=1)
            except OffsetOutOfRangeError:
                return None
            except KafkaError as error:
                raise translated(error) from error
            finally:
                consumer.unsubscribe()
        for record in polled.get(partition, ()):
            if record.offset == offset:
                return FeedRecordIdentity(offset, _epoch(record.leader_epoch), record.timestamp)
            return None
        raise FeedUnavailable("Kafka did not return a record in time")

    def close(self) -> None:
        """Release the connection."""
        with self._lock:
            if self._consumer is not None:
                self._consumer.close(autocommit=False)
                self._consumer = None

    def _connected(self) -> KafkaConsumer:
        if self._consumer is None:
            self._consumer = start_client(
                KafkaConsumer,
                self._settings,
                self._client_id,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",
                isolation_level="read_committed",
                max_partition_fetch_bytes=1024,
                allow_auto_create_topics=False,
            )
        return self._consumer


def _told(
    ask: Callable[..., dict[TopicPartition, int]],
    partitions: Sequence[TopicPartition],
    timeout_ms: int,
) -> dict[TopicPartition, int]:
    """What is told of all of them. Raises KafkaError.

    The library leaves a partition without leader (an election, a topic deleted) out of the question
    when others have one, and then misses it in the answer.
    """
    try:
        found = ask(partitions, timeout_ms=timeout_ms)
        return {partition: found[partition] for partition in partitions}
    except KeyError:
        raise LeaderNotAvailableError("a partition has no leader") from None


def _epoch(epoch: int | None) -> int:
    return -1 if epoch is None else epoch
