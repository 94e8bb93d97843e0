"""How far behind the feed is, in messages and in age, per partition that this process owns."""

from collections import defaultdict, deque
from collections.abc import Mapping

from ingest.feed import Partition, PolledPartition
from ingest.read.arrivals import Arrival
from ingest.runtime.lifecycle import Clock
from ingest.runtime.metrics import Metrics

STORED = "stored"


class SourceFreshness:
    """Keeps the gauges of lag and of the oldest message that waits; drops those of partitions that
    went to another process, which would look behind for ever.

    The age of a polled message is known. For messages that still lie on the feed there is a bound:
    they were published after the newest stored message, and after the last moment when nothing was
    left.
    """

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._owned: frozenset[Partition] = frozenset()
        self._polled: dict[Partition, deque[float]] = defaultdict(deque)
        self._since: dict[Partition, float] = {}
        self._stored: dict[Partition, int] = {}

    def owned(self, partitions: frozenset[Partition]) -> None:
        """These are this process's partitions now; a change is counted."""
        assigned, gone = partitions - self._owned, self._owned - partitions
        if assigned:
            self._metrics.rebalances.labels("assigned").inc(len(assigned))
        if gone:
            self._metrics.rebalances.labels("revoked").inc(len(gone))
        for partition in gone:
            self._forget(partition)
        for partition in assigned:
            self._metrics.source_halted.labels(*labels_of(partition))
        self._owned = partitions

    def fetched(self, part: PolledPartition[Arrival]) -> None:
        """The messages of this part were polled; its first is the oldest that waits, or will be."""
        self._polled[part.partition].append(part.records[0].feed_record.timestamp_ms / 1000)
        self._set_oldest(part.partition, self._polled[part.partition][0])

    def stored(self, part: PolledPartition[Arrival]) -> None:
        """The part that was polled first is committed."""
        polled = self._polled[part.partition]
        if polled:
            polled.popleft()
        self._since[part.partition] = part.records[-1].feed_record.timestamp_ms / 1000
        self._set_oldest(part.partition, polled[0] if polled else 0)

    def lost(self, part: PolledPartition[Arrival]) -> None:
        """What was polled is dropped: its partition has another owner, or is read again."""
        self._polled.pop(part.partition, None)
        self._set_oldest(part.partition, 0)

    def known(self, next_offsets: Mapping[Partition, int]) -> None:
        """What the store expects next, also of partitions that brought nothing since the start."""
        self._stored.update(next_offsets)

    def ends(self, ends: Mapping[Partition, int], next_offsets: Mapping[Partition, int]) -> None:
        """The ends of the log beside the next offsets."""
        self.known(next_offsets)
        for partition, end in ends.items():
            topic, number = labels_of(partition)
            self._metrics.source_end.labels(topic, number).set(end)
            at = self._stored.get(partition)
            if at is not None:
                self._metrics.source_lag.labels(topic, number).set(max(0, end - at))
                self._set_age_of_unread(partition, end > at)

    def _set_age_of_unread(self, partition: Partition, behind: bool) -> None:
        if self._polled.get(partition):
            return
        if behind:
            self._set_oldest(partition, self._since.setdefault(partition, self._clock.now()))
        else:
            self._since[partition] = self._clock.now()
            self._set_oldest(partition, 0)

    def _set_oldest(self, partition: Partition, moment: float) -> None:
        self._metrics.oldest_unprocessed_timestamp.labels(STORED, *labels_of(partition)).set(moment)

    def _forget(self, partition: Partition) -> None:
        for held in (self._polled, self._since, self._stored):
            held.pop(partition, None)
        labels = labels_of(partition)
        for gauge in (self._metrics.source_end, self._metrics.source_lag):
            gauge.remove(*labels)
        self._metrics.oldest_unprocessed_timestamp.remove(STORED, *labels)


def labels_of(partition: Partition) -> tuple[str, str]:
    """Its labels: topic and number."""
    return partition.topic, str(partition.number)
