"""The feed as two small interfaces, the same for the embedded log and for Kafka: publish, and poll.

Words: an *offset* is a place in a partition of the feed; a *position* is a place in the event
store.
Keys are partitioned by murmur2 exactly as the Java client and kafka-python do (`partition_of`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """A partition of a topic. `topic` is the logical name (`documents`), without any prefix."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """A record to publish. `timestamp_ms` None: the time of sending. The key is never empty."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers = ()
    timestamp_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The record is on the feed, durably (acks=all), at this place."""

    partition: Partition
    offset: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class PublishFailure:
    """This record will not be published: its size, a right or its topic forbids it.

    `code` is stable (`too_large`, `not_authorised`, `no_such_topic`, `closed`); `detail` names no
    person. A broker that is away is no failure: the publisher keeps the record and tries again.
    """

    code: str
    detail: str


Done = Callable[[Acknowledgement | PublishFailure], None]


class Publisher(Protocol):
    """Publishes at least once, in order per key, without losing a record while the process
    lives."""

    def publish(self, record: OutgoingRecord, done: Done) -> None:
        """Hand a record over; `done` is called once, maybe from another thread.

        Blocks (back-pressure) while too many records or bytes are unacknowledged.
        """

    def publish_many(self, records: Sequence[OutgoingRecord], done: Done) -> None:
        """The same for a batch; `done` is called once per record, in the order of each
        partition."""

    def flush(self, timeout_seconds: float) -> bool:
        """Waits until all records handed over are acknowledged. False: some are not in time."""

    def unacknowledged(self) -> int:
        """How many records were handed over and are not acknowledged yet."""

    def close(self, timeout_seconds: float = 10.0) -> None:
        """Flush for at most that long, then release everything. Pending records fail as
        `closed`."""


@dataclass(frozen=True, slots=True)
class FeedRecord:
    """A record as received. `leader_epoch` is -1 where the feed has none."""

    offset: int
    leader_epoch: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class FeedRecordIdentity:
    """What tells a record from another one at the same offset of a recreated or regrown log."""

    offset: int
    leader_epoch: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class PolledPartition(Generic[T]):
    """What one poll brought from one partition: the records in [from_offset, next_offset).

    The poller gives `FeedRecord`s; ingestion reads them into arrivals of the same range. `records`
    may be empty.
    """

    partition: Partition
    from_offset: int
    next_offset: int
    records: list[T]

    @property
    def holes(self) -> int:
        """How many offsets of the range have no record."""
        return self.next_offset - self.from_offset - len(self.records)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A partition newly owned, with the facts that show whether a stored offset still fits it."""

    partition: Partition
    cluster_id: str
    topic_id: str
    log_start: int
    log_end: int
    identity_at: Callable[[int], FeedRecordIdentity | None]
    """Reads the record at an offset; None when there is none."""


Resume = Callable[[Sequence[Assignment]], Mapping[Partition, int]]
"""Gives the offset to read next for each assignment; raises to halt (the poller lets it
through)."""


class Poller(Protocol):
    """Reads partitions from the offsets `Resume` names, never from offsets the broker keeps."""

    @property
    def cluster_id(self) -> str:
        """Identity of the cluster or of the embedded log."""

    def poll(
        self, timeout_seconds: float, max_records: int, max_bytes: int
    ) -> list[PolledPartition[FeedRecord]]:
        """Up to `max_records` records and about `max_bytes` of values (at least one record).

        Only partitions owned now. Never blocks much longer than the timeout, also while the broker
        is away. Raises what `Resume` raises, and `FeedUnavailable` / `FeedMismatch` of this
        package. After PartitionsHalted, also one of `Resume`, the partitions it names are set
        aside, nothing of the others is lost, and the next poll goes on with them.
        """

    def owned(self) -> frozenset[Partition]:
        """The partitions owned after the last poll, also those set aside."""

    def seek_again(self, partitions: Sequence[Partition]) -> None:
        """Drop what was fetched of these partitions and ask `Resume` again at the next poll."""

    def set_aside(self, partitions: Sequence[Partition]) -> None:
        """Drop what was fetched of these partitions and read nothing of them until `seek_again`.

        They stay owned.
        """

    def end_offsets(self) -> Mapping[Partition, int]:
        """The end of the log of each owned partition (for lag); what is not known is left out."""

    def commit_courtesy(self, next_offsets: Mapping[Partition, int]) -> None:
        """Tell the broker how far we are, for lag tools only. Errors are logged, never raised."""

    def close(self) -> None:
        """Leave the group and release everything."""


class FeedError(Exception):
    """The feed cannot be used; the sentence says why and how to go on. Never names a person."""


class FeedUnavailable(FeedError):
    """The broker or the embedded database is away for a while. Try again."""


class FeedMismatch(FeedError):
    """The feed is not what it was: partition count, topic id, retention or configuration. Halt."""


class PartitionsHalted(FeedMismatch):
    """These partitions cannot be read on, until a person decides; the others can.

    `halts`: for each a whole sentence with its repair.
    """

    def __init__(self, halts: Mapping[Partition, str]) -> None:
        super().__init__(" ".join(halts.values()))
        self.halts = dict(halts)
