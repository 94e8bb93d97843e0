"""Records on their way through a batch: where they came from, what they say, their answers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ingest.eventstore.log.batch import WaitingLetter
from ingest.feed import FeedRecord, Partition, PolledPartition
from schemas.codec.messages import decode_event, encode
from schemas.rules.table.rejections import Rejection

from .interpret import Interpreted, Refused, interpret
from .site import Context


class Answer(NamedTuple):
    """What became of a message. `code`, `path`: of a rejection. `warnings`: rules that it breaks
    without being refused for them.
    """

    status: str
    code: str | None = None
    path: str | None = None
    warnings: tuple[Rejection, ...] = ()


@dataclass(slots=True, eq=False)
class Arrival:
    """One record, from the feed or out of a dead letter. `attempt`: 1 for the first decision.

    `answer` is None until it is decided; `events`: how many it brought.
    """

    source: str
    partition: Partition
    record: FeedRecord
    read: Interpreted | Refused
    attempt: int = 1
    letter: int | None = None
    answer: Answer | None = None
    events: int = 0


@dataclass(slots=True)
class ReadPartition:
    """What a poll brought from one partition, read."""

    source: str
    partition: Partition
    from_offset: int
    next_offset: int
    arrivals: list[Arrival]

    @property
    def holes(self) -> int:
        """Offsets of the range without a record."""
        return self.next_offset - self.from_offset - len(self.arrivals)

    def cut_at_hole(self) -> int | None:
        """Only what comes before the first hole is left; where the feed goes on after the hole."""
        if not self.holes:
            return None
        for expected, arrival in enumerate(self.arrivals, start=self.from_offset):
            if arrival.record.offset != expected:
                after = arrival.record.offset
                self.arrivals = self.arrivals[: expected - self.from_offset]
                self.next_offset = expected
                return after
        after, self.next_offset = self.next_offset, self.from_offset + len(self.arrivals)
        return after


def source_of(cluster_id: str, partition: Partition) -> str:
    """The key of a partition in the store: cluster id / topic / number."""
    return f"{cluster_id}/{partition.topic}/{partition.number}"


def partition_of_source(source: str) -> Partition:
    """The partition a source key names."""
    _, topic, number = source.rsplit("/", 2)
    return Partition(topic, int(number))


def read_partition(polled: PolledPartition, cluster_id: str, context: Context) -> ReadPartition:
    """Every record of the poll, interpreted."""
    partition = polled.partition
    source = source_of(cluster_id, partition)
    arrivals = [
        Arrival(source, partition, record, interpret(record, partition, context))
        for record in polled.records
    ]
    return ReadPartition(source, partition, polled.from_offset, polled.next_offset, arrivals)


def read_letters(letters: Iterable[WaitingLetter], context: Context) -> list[Arrival]:
    """Dead letters, interpreted anew for their next attempt."""
    arrivals = []
    for letter in letters:
        record = feed_record_of(letter.raw, letter.offset)
        partition = partition_of_source(letter.source)
        read = interpret(record, partition, context)
        attempt = letter.attempt + 1
        arrivals.append(Arrival(letter.source, partition, record, read, attempt, letter.letter))
    return arrivals


def raw_record(record: FeedRecord) -> bytes:
    """The record as a dead letter keeps it."""
    return encode(
        "RawRecord",
        {
            "key": record.key,
            "value": record.value,
            "headers": [{"name": name, "value": value} for name, value in record.headers],
            "timestamp": record.timestamp_ms,
        },
    )


def feed_record_of(raw: bytes, offset: int) -> FeedRecord:
    """The record a dead letter keeps, as it was received (but for its leader epoch)."""
    kept = decode_event("RawRecord", raw)
    headers = tuple((header["name"], header["value"]) for header in kept["headers"])
    return FeedRecord(offset, -1, kept["timestamp"], kept["key"], kept["value"], headers)
