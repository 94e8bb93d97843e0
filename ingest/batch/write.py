"""One poll = one batch = one transaction (decision 0014): read, decide, append, and what may go
wrong.

Passing faults (database, keys or document bytes away) are waited for with the same batch; they
never make dead letters.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ingest.basis.prefetch import BasisReader
from ingest.eventstore import EventStore
from ingest.eventstore.log.batch import (
    AppendBatch,
    Fenced,
    LostRace,
    RecordRef,
    SourceAdvance,
    SourcePosition,
    StoreError,
    UnknownCommit,
)
from ingest.feed import Partition
from ingest.read.arrivals import Arrival, ReadPartition, partition_of_source
from ingest.read.patience import Patience
from ingest.read.positions import hole_sentence
from ingest.read.site import Context
from ingest.runtime.crash_points import crash_point
from ingest.runtime.lifecycle import Clock
from schemas.feed.messages import REGISTRY
from schemas.feed.outcomes import ACCEPTED, DUPLICATE, REJECTED, UNCHANGED

from .assemble import Decided, assemble
from .outcomes import answer_of, decided_letters, key_text, new_letter, outcome_rows, refused

RACES_MAX: Final = 20
"""Lost races in a row after which a batch halts: something else than a race is wrong."""


class Contention(StoreError):
    """A batch lost its race too often: other writers leave it no chance, or a fault of ours."""


@dataclass(slots=True)
class Written:
    """What became of a batch. `lost`: partitions that another owner moved: drop and seek again.

    `halted`: partitions written up to a hole only, with what a person is to be told.
    """

    parts: list[ReadPartition]
    lost: list[ReadPartition] = field(default_factory=list)
    halted: dict[Partition, str] = field(default_factory=dict)
    letters: list[Arrival] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    contents: int = 0
    content_bytes: int = 0
    last_position: int = 0
    races: int = 0
    unknown_commits: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


Gate = Callable[[Sequence[Arrival]], None]
"""Looks at a decided batch before it is committed; raises to refuse it."""


def let_pass(_: Sequence[Arrival]) -> None:
    """The gate that refuses nothing."""


class BatchWriter:
    """Decides batches and appends them. One thread."""

    def __init__(
        self, store: EventStore, context: Context, clock: Clock, patience: Patience
    ) -> None:
        self._store = store
        self._clock = clock
        self._patience = patience
        self._reader = BasisReader(store, context)
        self._rules_page = context.rules_page

    def write(self, parts: Sequence[ReadPartition], gate: Gate = let_pass) -> Written:
        """The batch is in the store, whole, but for the partitions in `lost` and what comes after
        a hole in those in `halted`: the feed has none by construction, so something was lost.

        Raises Contention, what the gate raises, and what halts the store (KeyMissing); then nothing
        of the batch was committed.
        """
        halted = dict[Partition, str]()
        for part in parts:
            after = part.cut_at_hole()
            if after is not None:
                halted[part.partition] = hole_sentence(part.partition, part.next_offset, after)
        read = sorted((part for part in parts if part.arrivals), key=_registry_first)
        written = Written(read, halted=halted)
        while written.parts:
            decided = self._decide(written, gate)
            if self._append(written, decided):
                break
        return written

    def stored_offsets(self, cluster_id: str) -> dict[Partition, int]:
        """The next offset of every source of this cluster, as the store has it."""
        positions: dict[str, SourcePosition] = self._patience(self._store.source_positions)
        return {
            partition_of_source(source): position.next_offset
            for source, position in positions.items()
            if source.startswith(f"{cluster_id}/")
        }

    def _decide(self, written: Written, gate: Gate) -> Decided:
        arrivals = [arrival for part in written.parts for arrival in part.arrivals]
        started = self._clock.monotonic()
        basis = self._patience(lambda: self._reader.read(arrivals))
        read = self._clock.monotonic()
        decided = assemble(basis, arrivals)
        gate(arrivals)
        batch = decided.batch
        self._answer(batch, arrivals, decided.letters, basis.known.refs)
        batch.advances = [_advance(part) for part in written.parts]
        written.seconds["read"] = read - started
        written.seconds["decide"] = self._clock.monotonic() - read
        crash_point("batch_decided")
        return decided

    def _answer(
        self,
        batch: AppendBatch,
        arrivals: Sequence[Arrival],
        letters: Sequence[Arrival],
        refs: dict[str, RecordRef],
    ) -> None:
        now = int(self._clock.now() * 1000)
        rejected = refused(arrivals)
        unknown = {key_text(a.record.key) for a in rejected}.difference(refs, {""})
        if unknown:
            # Looked up, never created: a record number is given to messages that can be read only.
            tokens = {self._store.token(ins): ins for ins in unknown}
            found = self._patience(lambda: self._store.lookup(tokens))
            refs = {**refs, **{tokens[token]: ref for token, ref in found.items()}}
        subject = self._store.subject
        batch.dead_letters = [new_letter(arrival, refs, subject) for arrival in rejected]
        batch.decided_letters = decided_letters(letters)
        batch.outcomes = outcome_rows((*arrivals, *letters), now, self._rules_page)

    def _append(self, written: Written, decided: Decided) -> bool:
        """Whether the batch is done; False: decide what is left of it again."""
        started = self._clock.monotonic()
        batch = decided.batch
        try:
            appended = self._patience(lambda: self._store.append(batch))
        except LostRace as race:
            written.races += 1
            if written.races > RACES_MAX:
                raise Contention(f"a batch lost {written.races} races in a row: {race}") from race
            return False
        except Fenced as fenced:
            _drop(written, fenced.sources)
            return not written.parts
        except UnknownCommit:
            written.unknown_commits += 1
            if not self._was_committed(written):
                return not written.parts
            written.last_position = 0
        else:
            written.last_position = appended.last_position
            self._reader.appended()
        written.letters, written.names = decided.letters, decided.names
        written.contents = len(batch.contents)
        written.content_bytes = sum(len(content.data) for content in batch.contents)
        written.seconds["append"] = self._clock.monotonic() - started
        return True

    def _was_committed(self, written: Written) -> bool:
        """Read the positions and go on from there: all sources of a batch move, or none does.

        A source that stands elsewhere has another owner now and is dropped.
        """
        stored: dict[str, SourcePosition] = self._patience(self._store.source_positions)
        offsets = {part.source: stored[part.source].next_offset for part in written.parts}
        moved = [part for part in written.parts if offsets[part.source] == part.next_offset]
        stayed = [part for part in written.parts if offsets[part.source] == part.from_offset]
        gone = {part.source for part in written.parts}
        gone -= {part.source for part in (*moved, *stayed)}
        if stayed:
            _drop(written, frozenset(gone | {part.source for part in moved}))
            return False
        _drop(written, frozenset(gone))
        return True


def _registry_first(part: ReadPartition) -> bool:
    """No order holds between topics; of one poll, what is referenced counts for what is fed."""
    return part.partition.topic != REGISTRY


def _drop(written: Written, sources: frozenset[str]) -> None:
    written.lost += [part for part in written.parts if part.source in sources]
    written.parts = [part for part in written.parts if part.source not in sources]


def counts_of(arrivals: Sequence[Arrival]) -> Counter[str]:
    """How many of each status."""
    return Counter(answer_of(arrival).status for arrival in arrivals)


def _advance(part: ReadPartition) -> SourceAdvance:
    counts = counts_of(part.arrivals)
    last = part.arrivals[-1].record
    return SourceAdvance(
        source=part.source,
        from_offset=part.from_offset,
        next_offset=part.next_offset,
        last_offset=last.offset,
        last_leader_epoch=last.leader_epoch,
        last_timestamp_ms=last.timestamp_ms,
        accepted=counts[ACCEPTED],
        duplicate=counts[DUPLICATE],
        unchanged=counts[UNCHANGED],
        rejected=counts[REJECTED],
        events=sum(arrival.events for arrival in part.arrivals),
        holes=0,
    )
