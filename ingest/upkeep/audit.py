"""The balance sheet proved, from broker offsets to the events of the log (decision 0022).

Every counter is compared with offsets, with rows, and with other counters.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ingest.eventstore.append_batch import SourceOffsets
from ingest.eventstore.tables.auditing import StoreMoment
from ingest.feed import TopicFacts
from ingest.read.offsets import PartitionOffsets, offsets_of
from ingest.runtime.settings import Settings
from schemas.feed.messages import FEED_TOPICS


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


class Audit(Protocol):
    """Further checks that another package contributes (the timelines)."""

    def __call__(self, settings: Settings, *, at_end: bool) -> Iterable[AuditCheck]:
        """`at_end`: also that nothing is on its way."""


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


def balance_checks(
    moment: StoreMoment, facts: Sequence[TopicFacts], *, at_end: bool
) -> tuple[list[PartitionOffsets], list[AuditCheck]]:
    """Checks of every partition, of the feed and of the store.

    Read `facts` after `moment`: a position beyond the end of the feed is an error, and ingestion
    may go on meanwhile. `at_end`: nothing may be on its way either (lag, outcomes not published).
    """
    positions = offsets_of(moment.sources, [fact for fact in facts if fact.topic in FEED_TOPICS])
    checks: list[AuditCheck] = []
    for position in positions:
        checks += _partition_checks(position, at_end=at_end)
    checks += _store_checks(moment, at_end=at_end)
    return positions, checks


def fetched(position: SourceOffsets) -> int:
    """Messages counted: accepted + duplicate + unchanged + rejected."""
    return position.accepted + position.duplicate + position.unchanged + position.rejected


def _partition_checks(position: PartitionOffsets, *, at_end: bool) -> list[AuditCheck]:
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
    if at_end:
        end = position.log_end
        checks.append(Compared(f"{name}: read to the end", end, stored.next_offset))
    return checks


def _store_checks(moment: StoreMoment, *, at_end: bool) -> list[AuditCheck]:
    sources, counts = moment.sources.values(), moment.counts
    events = sum(source.events for source in sources)
    rejected = sum(source.rejected for source in sources)
    checks: list[AuditCheck] = [
        Compared("events of all partitions = events in the log", events, counts.events),
        Compared("streams that disagree with their events", 0, len(moment.mismatches)),
        # Erasure empties letters and keeps their rows, so this is strict for ever.
        Compared("messages rejected = dead letters", rejected, sum(counts.dead_letters.values())),
    ]
    if at_end:
        waiting = counts.unpublished_outcome_batches
        checks.append(Compared("outcomes not published", 0, waiting))
    return checks
