"""The balance sheet proved, from broker offsets to the events of the log (DESIGN 6.7).

Nothing is trusted twice: counters are compared with offsets, with rows, and with each other.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ingest.eventstore import EventStore
from ingest.eventstore.auditing import StoreCounts
from ingest.eventstore.batch import SourcePosition
from ingest.runtime.feed import TopicFacts
from ingest.runtime.settings import Settings
from schemas.messages import FEED_TOPICS

from .positions import PartitionPosition, positions_of
from .state import record_stream

LOOKS_MAX: Final = 20
"""How often counters are read again while ingestion goes on, to see all of them at one moment."""
_RECORDS: Final = 10_000


class AuditCheck(Protocol):
    """One thing that must hold. `expected` and `found` are what was compared."""

    @property
    def name(self) -> str:
        """What is compared, in a few words."""

    @property
    def expected(self) -> int:
        """What it should be."""

    @property
    def found(self) -> int:
        """What it is."""

    @property
    def holds(self) -> bool:
        """Whether that is right."""


Audit = Callable[[Settings], Iterable[AuditCheck]]
"""Further checks that another package contributes (the timelines)."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two numbers that must be equal."""

    name: str
    expected: int
    found: int

    @property
    def holds(self) -> bool:
        """Whether they are."""
        return self.expected == self.found


@dataclass(frozen=True, slots=True)
class AtMost:
    """A number that must not be over another."""

    name: str
    expected: int
    found: int

    @property
    def holds(self) -> bool:
        """Whether it is not."""
        return self.found <= self.expected


@dataclass(frozen=True, slots=True)
class Seen:
    """Source positions and counts of one moment."""

    sources: dict[str, SourcePosition]
    counts: StoreCounts


def look(store: EventStore) -> Seen:
    """Positions and counts between which nothing was committed; the last look if that never is.

    Ingestion may go on meanwhile: then what is counted apart would not agree.
    """
    before = store.source_positions()
    for _ in range(LOOKS_MAX):
        counts = store.counts()
        after = store.source_positions()
        if after == before:
            break
        before = after
    return Seen(before, counts)


def balance_checks(
    store: EventStore, facts: Sequence[TopicFacts], *, at_end: bool
) -> tuple[list[PartitionPosition], list[AuditCheck]]:
    """Every partition, and every check of feed and store.

    `at_end`: also that nothing is on its way (lag, outcomes not published).
    """
    seen = look(store)
    positions = positions_of(seen.sources, [fact for fact in facts if fact.topic in FEED_TOPICS])
    checks: list[AuditCheck] = []
    for position in positions:
        checks += _partition_checks(position, at_end=at_end)
    checks += _store_checks(store, seen, at_end=at_end)
    return positions, checks


def fetched(position: SourcePosition) -> int:
    """Messages counted: accepted + duplicate + unchanged + rejected."""
    return position.accepted + position.duplicate + position.unchanged + position.rejected


def _partition_checks(position: PartitionPosition, *, at_end: bool) -> list[AuditCheck]:
    name = f"{position.partition.topic}/{position.partition.number}"
    stored = position.stored
    checks: list[AuditCheck] = []
    if stored is None:
        if at_end and position.log_end:
            checks.append(Compared(f"{name}: read to the end", position.log_end, 0))
        return checks
    passed = stored.next_offset - stored.first_offset
    counted = fetched(stored) + stored.holes
    checks.append(Compared(f"{name}: offsets passed = messages counted + holes", passed, counted))
    checks.append(Compared(f"{name}: position fits the feed", 0, int(position.misfit is not None)))
    if at_end and position.log_end is not None:
        end = position.log_end
        checks.append(Compared(f"{name}: read to the end", end, stored.next_offset))
    return checks


def _store_checks(store: EventStore, seen: Seen, *, at_end: bool) -> list[AuditCheck]:
    sources, counts = seen.sources.values(), seen.counts
    events = sum(source.events for source in sources)
    rejected = sum(source.rejected for source in sources)
    letters = sum(counts.letters.values())
    checks: list[AuditCheck] = [
        Compared("events of all partitions = events in the log", events, counts.events),
        Compared("streams that disagree with their events", 0, len(store.verify_streams())),
    ]
    name = "messages rejected = dead letters"
    if letters < rejected and _somebody_was_erased(store):
        # Erasure deletes the dead letters of the person.
        checks.append(AtMost(f"{name} (but for erased records)", rejected, letters))
    else:
        checks.append(Compared(name, rejected, letters))
    if at_end:
        waiting = counts.unpublished_outcome_batches
        checks.append(Compared("outcomes not published", 0, waiting))
    return checks


def _somebody_was_erased(store: EventStore) -> bool:
    last = store.max_record()
    for low in range(1, last + 1, _RECORDS):
        heads = range(low, min(low + _RECORDS, last + 1))
        if store.erased(_with_key(store, heads)):
            return True
    return False


def _with_key(store: EventStore, records: range) -> list[int]:
    """Those of these numbers that are records: numbers may have holes."""
    streams = {record_stream(record): record for record in records}
    return [streams[stream] for stream in store.heads(streams)]
