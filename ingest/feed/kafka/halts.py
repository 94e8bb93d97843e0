"""Which partitions an error of the Kafka client halts, and what a person is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kafka import TopicPartition
from kafka.errors import (
    CorruptRecordError,
    KafkaError,
    LogTruncationError,
    OffsetOutOfRangeError,
)
from kafka.record.default_records import DefaultRecordBatch

from ingest.feed.halts import after_the_log, before_the_log, outside_the_log, truncated, unreadable
from ingest.feed.types import Assignment, Partition


def outside(
    assignments: Sequence[Assignment], answers: Mapping[Partition, int]
) -> dict[Partition, str]:
    """The partitions whose next offset is not within their log."""
    halts: dict[Partition, str] = {}
    for assignment in assignments:
        partition, offset = assignment.partition, answers[assignment.partition]
        if offset < assignment.log_start:
            halts[partition] = before_the_log(partition, offset, assignment.log_start)
        elif offset > assignment.log_end:
            halts[partition] = after_the_log(partition, offset, assignment.log_end)
    return halts


def halts_of(
    error: KafkaError, partition_of: Callable[[TopicPartition], Partition]
) -> dict[Partition, str]:
    """The partitions the error is about; none when it is about no partition, or does not say."""
    if isinstance(error, OffsetOutOfRangeError):
        offsets = {partition_of(tp): offset for tp, offset in error.args[0].items()}
        return {partition: outside_the_log(partition, at) for partition, at in offsets.items()}
    if isinstance(error, LogTruncationError):
        cut = [partition_of(tp) for tp in error.divergent_offsets]
        return {partition: truncated(partition) for partition in cut}
    if isinstance(error, CorruptRecordError):
        place = place_of_batch(error)
        if place is not None:
            partition = partition_of(place[0])
            return {partition: unreadable(partition, place[1])}
    return {}


def place_of_batch(error: BaseException) -> tuple[TopicPartition, int] | None:
    """Partition and next offset of the batch at which the client's parser stopped.

    The client's error says neither; the frames it went through hold both. None when they do not.
    """
    place: TopicPartition | None = None
    batch: DefaultRecordBatch | None = None
    at = error.__traceback__
    while at is not None:
        for value in at.tb_frame.f_locals.values():
            if isinstance(value, DefaultRecordBatch):
                batch = value
        found = at.tb_frame.f_locals.get("tp")
        if isinstance(found, TopicPartition) and batch is not None:
            place = found
        at = at.tb_next
    return None if place is None or batch is None else (place, int(batch.next_offset))
