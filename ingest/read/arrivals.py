"""Records on their way through a batch: where they came from, what they say, what came of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from ingest.eventstore.append_batch import WaitingDeadLetter
from ingest.facts.message import Interpreted
from ingest.feed import FeedRecord, Partition, PolledPartition
from schemas.codec.messages import decode_event, encode
from schemas.feed.outcomes import REJECTED, Status
from schemas.rules.table.rejections import Rejection

from .interpret import Rejected, interpret
from .site import Context

UNDECIDED: Final = "undecided"


@dataclass(slots=True, eq=False)
class Arrival:
    """One record, from the feed or out of a dead letter, and what came of it.

    `attempt`: 1 for the first decision. `dead_letter`: the number of the letter it came out of.
    `status` and what follows hold the decision: `rejection` is set if and only if the message is
    rejected; `warnings` are the rules that it breaks without being rejected for them; `events`
    counts the events that it brought.
    """

    source: str
    partition: Partition
    feed_record: FeedRecord
    read: Interpreted | Rejected
    attempt: int = 1
    dead_letter: int | None = None
    status: Status | Literal["undecided"] = UNDECIDED
    rejection: Rejection | None = None
    warnings: tuple[Rejection, ...] = ()
    events: int = 0

    def forget_decision(self) -> None:
        """It is undecided, as it was before its batch."""
        self.status, self.rejection, self.warnings, self.events = UNDECIDED, None, (), 0

    def decide(self, status: Status, warnings: tuple[Rejection, ...]) -> None:
        """It is not rejected. `warnings`: those on its state, beside those of reading it."""
        self.status, self.warnings = status, (*self.read.warnings, *warnings)

    def reject(self, rejection: Rejection) -> None:
        """It is rejected; the warnings on it are kept all the same."""
        self.status, self.rejection = REJECTED, rejection
        self.warnings = self.read.warnings

    @property
    def code(self) -> str | None:
        """The code of its rejection; None: it is not rejected."""
        return None if self.rejection is None else self.rejection.code

    @property
    def path(self) -> str | None:
        """The field that its rejection names; None: none is named."""
        return None if self.rejection is None else self.rejection.path


def source_of(cluster_id: str, partition: Partition) -> str:
    """The key of a partition in the store: cluster id / topic / number."""
    return f"{cluster_id}/{partition.topic}/{partition.number}"


def partition_of_source(source: str) -> Partition:
    """The partition that a source key names."""
    _, topic, number = source.rsplit("/", 2)
    return Partition(topic, int(number))


def read_partition(
    polled: PolledPartition[FeedRecord], cluster_id: str, context: Context
) -> PolledPartition[Arrival]:
    """The same range with every record interpreted."""
    partition = polled.partition
    source = source_of(cluster_id, partition)
    arrivals = [
        Arrival(source, partition, record, interpret(record, partition, context))
        for record in polled.records
    ]
    return PolledPartition(partition, polled.from_offset, polled.next_offset, arrivals)


def cut_at_hole(
    part: PolledPartition[Arrival],
) -> tuple[PolledPartition[Arrival], range | None]:
    """What comes before the first hole, and the offsets of that hole; None: there is no hole."""
    if not part.holes:
        return part, None
    first, arrivals = part.from_offset, part.records
    for expected, arrival in enumerate(arrivals, start=first):
        offset = arrival.feed_record.offset
        if offset != expected:
            before = arrivals[: expected - first]
            return PolledPartition(part.partition, first, expected, before), range(expected, offset)
    end = first + len(arrivals)
    return PolledPartition(part.partition, first, end, arrivals), range(end, part.next_offset)


def read_dead_letters(letters: Iterable[WaitingDeadLetter], context: Context) -> list[Arrival]:
    """Dead letters, interpreted anew for their next attempt."""
    arrivals = []
    for letter in letters:
        feed_record = feed_record_of(letter.raw, letter.offset)
        partition = partition_of_source(letter.source)
        read = interpret(feed_record, partition, context)
        attempt = letter.attempt + 1
        arrivals.append(
            Arrival(letter.source, partition, feed_record, read, attempt, letter.letter)
        )
    return arrivals


def encoded_feed_record(feed_record: FeedRecord) -> bytes:
    """The record as a dead letter keeps it."""
    return encode(
        "RawRecord",
        {
            "key": feed_record.key,
            "value": feed_record.value,
            "headers": [{"name": name, "value": value} for name, value in feed_record.headers],
            "timestamp": feed_record.timestamp_ms,
        },
    )


def feed_record_of(raw: bytes, offset: int) -> FeedRecord:
    """The record that a dead letter keeps, as it was received (but for its leader epoch)."""
    kept = decode_event("RawRecord", raw)
    headers = tuple((header["name"], header["value"]) for header in kept["headers"])
    return FeedRecord(offset, -1, kept["timestamp"], kept["key"], kept["value"], headers)
