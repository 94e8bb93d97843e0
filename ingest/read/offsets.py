"""Where to go on reading: stored offsets, checked against the feed as it is (decision 0016).

An offset alone does not identify a record: a topic made anew, or a log cut and grown again, would
be read on silently. A partition whose offset does not fit halts, and its sentence tells how to go
on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ingest.eventstore import EventStore
from ingest.eventstore.append_batch import SourceOffsets
from ingest.feed import Assignment, Partition, PartitionsHalted, TopicFacts

from .arrivals import source_of
from .service_wait import ServiceWait

_REPAIR: Final = (
    "Find out what was lost, have it sent again, then: histoire positions accept"
    " {topic}/{number}{to} --reason '...' --yes"
)


@dataclass(frozen=True, slots=True)
class Misfit:
    """A stored offset that does not fit the feed. `sentence` tells why and names no person."""

    partition: Partition
    sentence: str

    @property
    def whole(self) -> str:
        """The sentence with what to do about it."""
        topic, number = self.partition.topic, self.partition.number
        repair = _REPAIR.format(topic=topic, number=number, to="")
        return f"{self.partition.topic}/{self.partition.number}: {self.sentence} {repair}"


def hole_sentence(partition: Partition, hole: range) -> str:
    """What a person is told of offsets that hold no message."""
    topic, number = partition.topic, partition.number
    offset, after = hole.start, hole.stop
    repair = _REPAIR.format(topic=topic, number=number, to=f" --to {after}")
    return (
        f"{topic}/{number}: there is no message at offset {offset}, the next one is {after}: a"
        f" producer used transactions, or messages were lost. {repair}"
    )


class StoredOffsets:
    """`Resume` of the poller: next offsets from the store, or a halt."""

    def __init__(self, store: EventStore, wait: ServiceWait) -> None:
        self._store = store
        self._wait = wait

    def __call__(self, assignments: Sequence[Assignment]) -> Mapping[Partition, int]:
        """The next offset of each partition. The row of a new one is inserted.

        Raises PartitionsHalted naming every partition that does not fit.
        """
        stored: Mapping[str, SourceOffsets] = self._wait(self._store.sources.all)
        misfits = list[Misfit]()
        offsets: dict[Partition, int] = {}
        for assignment in assignments:
            source = source_of(assignment.cluster_id, assignment.partition)
            position = stored.get(source)
            sentence = (
                first_reading_misfit(assignment)
                if position is None
                else offset_misfit(position, assignment)
            )
            if sentence is not None:
                misfits.append(Misfit(assignment.partition, sentence))
            elif position is None:
                start = self._store.sources.insert(
                    source, assignment.topic_id, assignment.log_start
                )
                offsets[assignment.partition] = start.next_offset
            else:
                offsets[assignment.partition] = position.next_offset
        if misfits:
            raise PartitionsHalted({misfit.partition: misfit.whole for misfit in misfits})
        return offsets


def first_reading_misfit(assignment: Assignment) -> str | None:
    """A log that begins above 0 at its first reading has lost messages nobody read."""
    if assignment.log_start == 0:
        return None
    return (
        f"it is read for the first time, but its log begins at {assignment.log_start}:"
        " what came before was deleted unread."
    )


def offset_misfit(position: SourceOffsets, assignment: Assignment) -> str | None:
    """Why the stored position does not fit the log, None when it does."""
    if position.topic_id != assignment.topic_id:
        return "the topic was deleted and made anew since it was last read."
    if position.next_offset > assignment.log_end:
        return (
            f"the position is {position.next_offset}, but the log ends at {assignment.log_end}:"
            " messages that were read are gone from the feed."
        )
    if position.next_offset < assignment.log_start:
        return (
            f"the position is {position.next_offset}, but the log begins at"
            f" {assignment.log_start}: messages were deleted unread."
        )
    last = position.last_offset
    if last is None or last < assignment.log_start:
        return None
    found = assignment.identity_at(last)
    if found is None:
        return f"the last record read, at {last}, is not on the feed any more."
    epoch = position.last_leader_epoch
    if (found.timestamp_ms, found.leader_epoch) != (
        -1 if position.last_timestamp_ms is None else position.last_timestamp_ms,
        -1 if epoch is None else epoch,
    ):
        return f"the record at {last} is another one than was read: the log was cut and regrown."
    return None


@dataclass(frozen=True, slots=True)
class PartitionOffsets:
    """A partition of the feed, and how far the store has read it; None: never."""

    partition: Partition
    source: str
    stored: SourceOffsets | None
    topic_id: str
    log_start: int
    log_end: int

    @property
    def lag(self) -> int | None:
        """Messages on the feed that were not counted yet; None: the partition was never read."""
        return None if self.stored is None else self.log_end - self.stored.next_offset

    @property
    def misfit(self) -> str | None:
        """Why reading cannot go on by itself, as far as offsets and topic id tell."""
        assignment = Assignment(
            self.partition, "", self.topic_id, self.log_start, self.log_end, lambda _: None
        )
        if self.stored is None:
            return first_reading_misfit(assignment) if self.log_start else None
        if self.stored.topic_id == self.topic_id and (
            self.log_start <= self.stored.next_offset <= self.log_end
        ):
            return None
        return offset_misfit(self.stored, assignment)


def offsets_of(
    stored: Mapping[str, SourceOffsets], facts: Iterable[TopicFacts]
) -> list[PartitionOffsets]:
    """Every partition of these topics, in order."""
    found: dict[str, PartitionOffsets] = {}
    for fact in facts:
        for number, (start, end) in enumerate(zip(fact.log_start, fact.log_end, strict=True)):
            partition = Partition(fact.topic, number)
            source = source_of(fact.cluster_id, partition)
            found[source] = PartitionOffsets(
                partition, source, stored.get(source), fact.topic_id, start, end
            )
    return sorted(found.values(), key=lambda position: position.partition)


class OffsetNotAcceptable(Exception):
    """Reading cannot go on at the offset a person named; the sentence says why."""


def accept_offset(
    store: EventStore, position: PartitionOffsets, *, reason: str, by: str, to: int | None = None
) -> int:
    """Reading goes on at `to`, or else at the begin of the log, or at its end where the offset lies
    beyond. Returns this offset.

    What is skipped counts as holes and is kept with the reason. A topic made anew is read from its
    beginning. Raises OffsetNotAcceptable, PositionMoved.
    """
    stored = position.stored
    from_offset = 0 if stored is None else stored.next_offset
    renewed = stored is not None and stored.topic_id != position.topic_id
    to_offset = position.log_start if renewed else max(from_offset, position.log_start)
    to_offset = min(to_offset, position.log_end)
    if to is not None:
        if not to_offset <= to <= position.log_end:
            raise OffsetNotAcceptable(
                f"{to} is not within {to_offset} .. {position.log_end}: what was read is not read"
                " twice, and nothing is skipped that the log does not hold"
            )
        to_offset = to
    if stored is None:
        store.sources.insert(position.source, position.topic_id, 0)
    store.sources.accept_gap(
        position.source,
        from_offset,
        to_offset,
        topic_id=position.topic_id,
        reason=reason,
        by=by,
    )
    return to_offset
