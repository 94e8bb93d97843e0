"""What a committed batch changes in the metrics, and what is looked up now and then."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import psycopg

from ingest.batch.write import Written
from ingest.eventstore import EventStore
from ingest.facts.needs import KINDS
from ingest.facts.registry import Kind
from ingest.feed import Partition, PolledPartition
from ingest.read.arrivals import Arrival, partition_of_source
from ingest.read.service_wait import is_passing_failure
from ingest.runtime.lifecycle import Clock
from ingest.runtime.logs import get_logger
from ingest.runtime.metrics import Metrics
from ingest.upkeep.registry_listing import STATES, RegistryListing
from schemas.feed.messages import FEED_TOPICS
from schemas.feed.outcomes import ACCEPTED, DUPLICATE, REJECTED, STATUSES, UNCHANGED
from schemas.rules.table.rejections import REJECTIONS

from .freshness import SourceFreshness, labels_of

LAG_SECONDS: Final = 1.0
BALANCE_SECONDS: Final = 10.0
REGISTRY_SECONDS: Final = 60.0


class IngestionMetrics:
    """Reports to one `Metrics`. Called by the polling thread."""

    def __init__(self, metrics: Metrics, store: EventStore, clock: Clock) -> None:
        self._metrics = metrics
        self._store = store
        self._clock = clock
        self._lag_due = 0.0
        self._balance_due = 0.0
        self._freshness = SourceFreshness(metrics, clock)
        self._registry = RegistryListing(store)
        self._registry_due = 0.0
        self._codes = set[str]()
        for kind in KINDS:
            metrics.late_reads.labels(kind)
        for topic in FEED_TOPICS:  # a series that is there before its first message has a rate
            for status in STATUSES:
                metrics.messages.labels(topic, status, "")
            for rule in REJECTIONS.values():
                if rule.severity == "warn" or rule.changeable:
                    metrics.rule_warnings.labels(topic, rule.rule_id)

    def fetched(self, parts: Sequence[PolledPartition[Arrival]], seconds: float) -> None:
        """These were polled and read, in so many seconds."""
        for part in parts:
            if part.records:
                self._stage("fetched", part)
                self._freshness.fetched(part)
        self._metrics.batch_step_duration.labels("interpret").observe(seconds)

    def stored(self, written: Written, seconds: float) -> None:
        """A batch is committed, so many seconds after its poll."""
        metrics = self._metrics
        metrics.fenced_batches.inc(1 if written.lost else 0)
        metrics.lost_races.inc(written.races)
        metrics.unknown_commits.inc(written.unknown_commits)
        metrics.late_batches.inc(1 if written.late_reads else 0)
        for kind, count in written.late_reads.items():
            metrics.late_reads.labels(kind).inc(count)
        for part in written.lost:
            self._freshness.lost(part)
        if not written.parts:
            return
        metrics.batches.inc()
        metrics.batch_duration.observe(seconds)
        for step, spent in written.seconds.items():
            metrics.batch_step_duration.labels(step).observe(spent)
        for name, count in written.names.items():
            metrics.events.labels(name).inc(count)
        metrics.content_objects.inc(written.contents)
        metrics.content_bytes.inc(written.content_bytes)
        metrics.dead_letters_resolved.labels("itself").inc(
            sum(letter.rejection is None for letter in written.dead_letters)
        )
        if written.last_position:
            metrics.log_position.set(written.last_position)
        for part in written.parts:
            if part.records:
                self._part(part)
                self._freshness.stored(part)

    def _part(self, part: PolledPartition[Arrival]) -> None:
        metrics, (topic, number) = self._metrics, labels_of(part.partition)
        outcomes = Counter((a.status, a.code or "") for a in part.records)
        balance = Counter[str]()
        for (status, code), count in outcomes.items():
            metrics.messages.labels(topic, status, code).inc(count)
            balance[status] += count
        warned = Counter(w.rule.rule_id for a in part.records for w in a.warnings)
        for rule, count in warned.items():
            metrics.rule_warnings.labels(topic, rule).inc(count)
        for kind, count in balance.items():
            metrics.balance_messages.labels(topic, number, kind).inc(count)
        metrics.balance_messages.labels(topic, number, "fetched").inc(len(part.records))
        metrics.balance_events.labels(topic, number).inc(sum(a.events for a in part.records))
        metrics.source_position.labels(topic, number).set(part.next_offset)
        self._stage("stored", part)

    def _stage(self, stage: str, part: PolledPartition[Arrival]) -> None:
        topic, number = labels_of(part.partition)
        published = part.records[-1].feed_record.timestamp_ms / 1000
        self._metrics.last_event_timestamp.labels(stage, topic, number).set(published)
        oldest = part.records[0].feed_record.timestamp_ms / 1000
        self._metrics.stage_delay.labels(stage).observe(max(0.0, self._clock.now() - oldest))

    def lag_is_due(self) -> bool:
        """Whether it is time to ask for the ends of the log."""
        now = self._clock.monotonic()
        if now < self._lag_due:
            return False
        self._lag_due = now + LAG_SECONDS
        return True

    def beat(self) -> None:
        """The loop went round, whether or not there was anything to read."""
        self._metrics.heartbeat.labels("ingest").set(self._clock.now())

    def halted(self, partition: Partition, is_halted: bool) -> None:
        """The partition cannot be read on, or is read again."""
        self._metrics.source_halted.labels(*labels_of(partition)).set(is_halted)

    def feed_away(self) -> None:
        """A poll found no feed; the loop goes on asking."""
        self._metrics.service_faults.labels("feed").inc()
        self.beat()

    def lag(
        self,
        owned: frozenset[Partition],
        ends: Mapping[Partition, int],
        next_offsets: Mapping[Partition, int],
    ) -> None:
        """The partitions owned now, and the ends of their logs beside the next offsets."""
        self._freshness.owned(owned)
        self._freshness.ends(ends, next_offsets)

    def look_at_store(self) -> None:
        """Measures the balance of every source and the dead letters that wait, at most every ten
        seconds, and the registry once a minute.

        This is called between two batches, busy or not: a feed that never rests has dead letters
        too.
        """
        now = self._clock.monotonic()
        if now < self._balance_due:
            return
        self._balance_due = now + BALANCE_SECONDS
        try:
            self._balance()
            self._letters()
            self._entries(now)
        except (psycopg.Error, OSError) as error:
            # The batch waits for the store by itself; figures may be late.
            if not is_passing_failure(error):
                raise
            get_logger().warning("service_away", service="store", error=error)

    def _balance(self) -> None:
        for position in self._store.sources.all().values():
            partition = partition_of_source(position.source)
            self._freshness.known({partition: position.next_offset})
            topic, number = labels_of(partition)
            counts = {
                ACCEPTED: position.accepted,
                DUPLICATE: position.duplicate,
                UNCHANGED: position.unchanged,
                REJECTED: position.rejected,
            }
            for kind, count in counts.items():
                self._metrics.balance_messages.labels(topic, number, kind).set(count)
            fetched = sum(counts.values())
            self._metrics.balance_messages.labels(topic, number, "fetched").set(fetched)
            self._metrics.balance_events.labels(topic, number).set(position.events)
            self._metrics.balance_holes.labels(topic, number).set(position.holes)

    def _entries(self, now: float) -> None:
        """Counts all entries once a minute: their states change by the calendar too."""
        if now < self._registry_due:
            return
        self._registry_due = now + REGISTRY_SECONDS
        self._registry.refresh()
        counts = self._registry.counts(int(self._clock.now() * 1000))
        for kind in Kind:
            for state in STATES:
                gauge = self._metrics.registry_entries.labels(kind.name.lower(), state)
                gauge.set(counts[kind, state])

    def _letters(self) -> None:
        found = self._store.dead_letters.waiting_by_code()
        counts = dict.fromkeys(self._codes, 0) | {of.code: of.count for of in found}
        for code, count in counts.items():
            self._metrics.dead_letters_waiting.labels(code).set(count)
        self._codes.update(counts)
        oldest = min((of.oldest.timestamp() for of in found), default=0.0)
        self._metrics.dead_letters_oldest.set(oldest)
