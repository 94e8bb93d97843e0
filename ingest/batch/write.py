"""One poll, one batch, one transaction (decision 0014): read, decide, append, and what may go
wrong.

While a service is away (database, keys or document bytes), the same batch waits for it; an absent
service never makes a dead letter.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Final

from ingest.basis.basis import Basis
from ingest.basis.prefetch import BasisReader
from ingest.eventstore import EventStore
from ingest.eventstore.append_batch import (
    AppendBatch,
    Fenced,
    SourceAdvance,
    SourceOffsets,
)
from ingest.facts.needs import Need
from ingest.facts.view import RecordRef
from ingest.feed import Partition, PolledPartition
from ingest.read.arrivals import Arrival, cut_at_hole, partition_of_source
from ingest.read.service_wait import ServiceWait
from ingest.read.site import Context
from ingest.runtime.crash_points import crash_point
from ingest.runtime.lifecycle import Clock
from schemas.feed.messages import REGISTRY
from schemas.feed.outcomes import ACCEPTED, DUPLICATE, REJECTED, UNCHANGED

from .assemble import Assembly
from .attempts import Attempts
from .late_reads import decide_batch
from .outcomes import add_outcomes, key_text, new_dead_letters, rejected_arrivals


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a poll.

    `parts`: the partitions that are in the store, up to their first hole. `lost`: those that
    another owner moved: drop them and seek again. `holes`: by partition, the offsets of the first
    hole; nothing after it was written. `dead_letters`: those that were decided again. `names`: how
    many events there are of each name. `races`: how many it lost. `last_position`: of the last
    event; 0 when there is none or it is not known. `seconds`: spent, by step. `late_reads`: what
    its decisions asked for and was not read beforehand, by kind of need.
    """

    parts: list[PolledPartition[Arrival]]
    lost: list[PolledPartition[Arrival]]
    holes: Mapping[Partition, range]
    dead_letters: Sequence[Arrival] = ()
    names: Mapping[str, int] = field(default_factory=dict)
    contents: int = 0
    content_bytes: int = 0
    last_position: int = 0
    races: int = 0
    unknown_commits: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    late_reads: Mapping[str, int] = field(default_factory=dict)


Gate = Callable[[Sequence[Arrival]], None]
"""Looks at a decided batch before it is committed; raises to keep it out of the store."""


def let_pass(_: Sequence[Arrival]) -> None:
    """The gate that keeps nothing out."""


class BatchWriter:
    """Decides batches and appends them. One thread."""

    def __init__(
        self,
        store: EventStore,
        context: Context,
        clock: Clock,
        wait: ServiceWait,
        reader: BasisReader | None = None,
    ) -> None:
        """`reader`: reads what decisions need; of the same store and context."""
        self.store: Final = store
        self.clock: Final = clock
        self.wait: Final = wait
        self.reader: Final = reader or BasisReader(store, context)
        self.rules_page: Final = context.rules_page

    def write(self, parts: Sequence[PolledPartition[Arrival]], gate: Gate = let_pass) -> Written:
        """The batch is in the store, whole, but for the partitions in `lost` and what comes after
        a hole: the feed has no holes by construction, hence something was lost.

        Raises Contention, what the gate raises, and what halts the store (KeyMissing); then nothing
        of the batch was committed.
        """
        cut = [cut_at_hole(part) for part in parts]
        holes = {part.partition: hole for part, hole in cut if hole is not None}
        work = _FeedWork(self, gate, [part for part, _ in cut if part.records])
        attempts = Attempts("a batch")
        attempts.until_committed(work)
        return work.written(holes, attempts)

    def stored_offsets(self, cluster_id: str) -> dict[Partition, int]:
        """The next offset of every source of this cluster, as the store has it."""
        positions: dict[str, SourceOffsets] = self.wait(self.store.sources.all)
        return {
            partition_of_source(source): position.next_offset
            for source, position in positions.items()
            if source.startswith(f"{cluster_id}/")
        }

    def refs_of_keys(
        self, rejected: Iterable[Arrival], refs: Mapping[str, RecordRef]
    ) -> Mapping[str, RecordRef]:
        """`refs`, and the records that the keys of rejected messages name."""
        unknown = {key_text(a.feed_record.key) for a in rejected}.difference(refs, {""})
        if not unknown:
            return refs
        # Looked up, never created: only messages that can be read are given a record number.
        tokens = {self.store.secrets.ins_hash(ins): ins for ins in unknown}
        found = self.wait(lambda: self.store.identities.lookup(tokens))
        return {**refs, **{tokens[token]: ref for token, ref in found.items()}}


class _FeedWork:
    """One poll on its way into the store: what is left of it, and what it was decided to be."""

    def __init__(
        self, writer: BatchWriter, gate: Gate, parts: Iterable[PolledPartition[Arrival]]
    ) -> None:
        self._writer = writer
        self._gate = gate
        self._parts = {_source_of(part): part for part in sorted(parts, key=_registry_first)}
        self._lost: list[PolledPartition[Arrival]] = []
        self._assembly: Assembly | None = None
        self._last_position = 0
        self._seconds: dict[str, float] = {}

    def decide(self) -> AppendBatch | None:
        """The batch of the partitions that are left, with what it tells; None: none is left."""
        if not self._parts:
            return None
        writer, now = self._writer, self._writer.clock.monotonic
        arrivals = [arrival for part in self._parts.values() for arrival in part.records]
        started, reading = now(), 0.0

        def read(also: Set[Need]) -> Basis:
            nonlocal reading
            begun = now()
            basis = writer.wait(lambda: writer.reader.read(arrivals, also))
            reading += now() - begun
            return basis

        assembly = self._assembly = decide_batch(read, arrivals)
        self._gate(arrivals)
        batch = assembly.batch
        refs = writer.refs_of_keys(rejected_arrivals(arrivals), assembly.basis.view.refs)
        batch.dead_letters = new_dead_letters(arrivals, refs, writer.store.secrets.subject)
        decided_at_ms = int(writer.clock.now() * 1000)
        add_outcomes(batch, arrivals, assembly.dead_letters, decided_at_ms, writer.rules_page)
        batch.advances = [_advance(source, part) for source, part in self._parts.items()]
        self._seconds |= {"read": reading, "decide": now() - started - reading}
        crash_point("batch_decided")
        return batch

    def append(self, batch: AppendBatch) -> None:
        """The batch is committed. Raises LostRace, Fenced, UnknownCommit."""
        writer, started = self._writer, self._writer.clock.monotonic()
        try:
            appended = writer.wait(lambda: writer.store.append(batch))
        finally:
            self._seconds["append"] = writer.clock.monotonic() - started
        self._last_position = appended.last_position
        writer.reader.appended()

    def fenced(self, error: Fenced) -> None:
        """The partitions that another owner moved are lost; the others are left."""
        self._drop(error.sources)

    def was_committed(self) -> bool:
        """Read the positions and go on from there: all sources of a batch move, or none does.

        A source that stands elsewhere has another owner now and is dropped.
        """
        writer, parts = self._writer, self._parts
        stored: dict[str, SourceOffsets] = writer.wait(writer.store.sources.all)
        offsets = {source: stored[source].next_offset for source in parts}
        moved = {s for s, part in parts.items() if offsets[s] == part.next_offset}
        stayed = {s for s, part in parts.items() if offsets[s] == part.from_offset}
        self._drop(parts.keys() - stayed if stayed else parts.keys() - moved)
        return not stayed

    def written(self, holes: Mapping[Partition, range], attempts: Attempts) -> Written:
        """What became of the poll, once the batch is committed or nothing of it is left."""
        parts, assembly = list(self._parts.values()), self._assembly
        races, unknown_commits = attempts.races, attempts.unknown_commits
        if not parts or assembly is None:
            return Written([], self._lost, holes, races=races, unknown_commits=unknown_commits)
        contents = assembly.batch.contents
        return Written(
            parts,
            self._lost,
            holes,
            assembly.dead_letters,
            assembly.names,
            len(contents),
            sum(len(content.data) for content in contents),
            self._last_position,
            races,
            unknown_commits,
            self._seconds,
            assembly.late_reads,
        )

    def _drop(self, sources: Iterable[str]) -> None:
        for source in sorted(sources):
            self._lost.append(self._parts.pop(source))


def _source_of(part: PolledPartition[Arrival]) -> str:
    return part.records[0].source


def _registry_first(part: PolledPartition[Arrival]) -> bool:
    """No order holds between topics; of one poll, what is referenced counts for what is fed."""
    return part.partition.topic != REGISTRY


def counts_of(arrivals: Sequence[Arrival]) -> Counter[str]:
    """How many of each status."""
    return Counter(arrival.status for arrival in arrivals)


def _advance(source: str, part: PolledPartition[Arrival]) -> SourceAdvance:
    counts = counts_of(part.records)
    last = part.records[-1].feed_record
    return SourceAdvance(
        source=source,
        from_offset=part.from_offset,
        next_offset=part.next_offset,
        last_offset=last.offset,
        last_leader_epoch=last.leader_epoch,
        last_timestamp_ms=last.timestamp_ms,
        accepted=counts[ACCEPTED],
        duplicate=counts[DUPLICATE],
        unchanged=counts[UNCHANGED],
        rejected=counts[REJECTED],
        events=sum(arrival.events for arrival in part.records),
        holes=0,
    )
