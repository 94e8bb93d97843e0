"""What a committed batch changes in the metrics, and what is looked up now and then."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import psycopg

from ingest.eventstore import EventStore
from ingest.runtime.feed import Partition
from ingest.runtime.lifecycle import Clock
from ingest.runtime.logs import get_logger
from ingest.runtime.metrics import Metrics

from .arrivals import ReadPartition, partition_of_source
from .batch import Written
from .dead_letters import waiting
from .outcomes import answer_of
from .patience import is_passing
from .state import ACCEPTED, DUPLICATE, REJECTED, UNCHANGED

LAG_SECONDS: Final = 1.0
BALANCE_SECONDS: Final = 10.0
LETTERS_MAX: Final = 10_000
"""Letters counted by code in one look: beyond it the gauge is a lower bound."""


class IngestionMetrics:
    """Reports to one `Metrics`. Called by the polling thread."""

    def __init__(self, metrics: Metrics, store: EventStore, clock: Clock) -> None:
        self._metrics = metrics
        self._store = store
        self._clock = clock
        self._lag_due = 0.0
        self._balance_due = 0.0

    def fetched(self, parts: Sequence[ReadPartition], seconds: float) -> None:
        """These were polled and read, in so many seconds."""
        for part in parts:
            if part.arrivals:
                self._stage("fetched", part)
        self._metrics.batch_step_duration.labels("interpret").observe(seconds)

    def stored(self, written: Written, seconds: float) -> None:
        """A batch is committed, so many seconds after its poll."""
        metrics = self._metrics
        metrics.fenced_batches.inc(1 if written.lost else 0)
        metrics.lost_races.inc(written.races)
        metrics.unknown_commits.inc(written.unknown_commits)
        if not written.parts:
            return
        metrics.batches.inc()
        metrics.batch_duration.observe(seconds)
        for step, spent in written.seconds.items():
            metrics.batch_step_duration.labels(step).observe(spent)
        for name, count in written.names.items():
            metrics.events.labels(name).inc(count)
        metrics.content_objects.labels("new").inc(written.contents)
        metrics.content_bytes.inc(written.content_bytes)
        metrics.dead_letters_resolved.labels("itself").inc(
            sum(answer_of(letter).status != REJECTED for letter in written.letters)
        )
        if written.last_position:
            metrics.log_position.set(written.last_position)
        for part in written.parts:
            self._part(part)

    def _part(self, part: ReadPartition) -> None:
        metrics, (topic, number) = self._metrics, _labels(part.partition)
        answers = Counter((answer_of(a).status, answer_of(a).code or "") for a in part.arrivals)
        balance = Counter[str]()
        for (status, code), count in answers.items():
            metrics.messages.labels(topic, status, code).inc(count)
            balance[status] += count
        for kind, count in balance.items():
            metrics.balance_messages.labels(topic, number, kind).inc(count)
        metrics.balance_messages.labels(topic, number, "fetched").inc(len(part.arrivals))
        metrics.balance_events.labels(topic, number).inc(sum(a.events for a in part.arrivals))
        metrics.source_position.labels(topic, number).set(part.next_offset)
        self._stage("stored", part)

    def _stage(self, stage: str, part: ReadPartition) -> None:
        topic, number = _labels(part.partition)
        published = part.arrivals[-1].record.timestamp_ms / 1000
        self._metrics.last_event_timestamp.labels(stage, topic, number).set(published)
        oldest = part.arrivals[0].record.timestamp_ms / 1000
        self._metrics.stage_delay.labels(stage).observe(max(0.0, self._clock.now() - oldest))

    def lag_is_due(self) -> bool:
        """Whether it is time to ask for the ends of the log."""
        now = self._clock.monotonic()
        if now < self._lag_due:
            return False
        self._lag_due = now + LAG_SECONDS
        return True

    def lag(self, ends: Mapping[Partition, int], next_offsets: Mapping[Partition, int]) -> None:
        """The ends of the log, beside the next offsets."""
        self._metrics.heartbeat.labels("ingest").set(self._clock.now())
        for partition, end in ends.items():
            topic, number = _labels(partition)
            self._metrics.source_end.labels(topic, number).set(end)
            at = next_offsets.get(partition)
            if at is not None:
                self._metrics.source_lag.labels(topic, number).set(max(0, end - at))

    def look_at_store(self) -> None:
        """The balance of every source and the letters that wait, at most every ten seconds."""
        now = self._clock.monotonic()
        if now < self._balance_due:
            return
        self._balance_due = now + BALANCE_SECONDS
        try:
            self._balance()
            self._letters()
        except (psycopg.Error, OSError) as error:
            # The batch waits for the store by itself; figures may be late.
            if not is_passing(error):
                raise
            get_logger().warning("service_away", service="store", error=error)

    def _balance(self) -> None:
        for position in self._store.source_positions().values():
            topic, number = _labels(partition_of_source(position.source))
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

    def _letters(self) -> None:
        codes, oldest = Counter[str](), 0.0
        for letter in waiting(self._store):
            oldest = oldest or letter.received_at.timestamp()
            codes[letter.code] += 1
            if codes.total() >= LETTERS_MAX:
                break
        self._metrics.dead_letters_waiting.clear()
        for code, count in codes.items():
            self._metrics.dead_letters_waiting.labels(code).set(count)
        self._metrics.dead_letters_oldest.set(oldest)


def _labels(partition: Partition) -> tuple[str, str]:
    return partition.topic, str(partition.number)
