"""Lag and age of a partition: right while polling, storing, waiting, and after it has gone."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from ingest.consume.freshness import SourceFreshness
from ingest.feed import Partition, PolledPartition
from ingest.read.arrivals import Arrival, read_partition
from ingest.runtime.metrics import Metrics
from tests.ingest.feed_messages import CONTEXT, deposit, feed_record, partition_for


class Hand:
    """A clock turned by hand."""

    def __init__(self, now: float) -> None:
        self.at = now

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


MESSAGE = deposit(1)
PARTITION: Partition = partition_for(MESSAGE)
PUBLISHED = feed_record(MESSAGE, 0).timestamp_ms / 1000


def part(offset: int) -> PolledPartition[Arrival]:
    polled = PolledPartition(PARTITION, offset, offset + 1, [feed_record(MESSAGE, offset)])
    return read_partition(polled, "test", CONTEXT)


class Watch:
    def __init__(self) -> None:
        self.metrics = Metrics(CollectorRegistry())
        self.clock = Hand(PUBLISHED + 1000)
        self.freshness = SourceFreshness(self.metrics, self.clock)
        self.freshness.owned(frozenset({PARTITION}))

    def value(self, name: str, **labels: str) -> float | None:
        where = {"topic": PARTITION.topic, "partition": str(PARTITION.number)}
        return self.metrics.registry.get_sample_value(f"histoire_{name}", {**where, **labels})

    def oldest(self) -> float | None:
        return self.value("oldest_unprocessed_timestamp_seconds", stage="stored")


def test_what_was_polled_waits_since_its_publication_until_it_is_stored() -> None:
    watch = Watch()
    watch.freshness.fetched(part(0))
    watch.freshness.fetched(part(1))
    assert watch.oldest() == PUBLISHED
    watch.freshness.stored(part(0))
    assert watch.oldest() == PUBLISHED + 0.001, "the batch polled meanwhile waits still"
    watch.freshness.stored(part(1))
    assert watch.oldest() == 0


def test_what_lies_on_the_feed_waits_since_the_last_moment_nothing_did() -> None:
    watch = Watch()
    watch.freshness.ends({PARTITION: 5}, {PARTITION: 5})
    assert (watch.value("source_lag_messages"), watch.oldest()) == (0, 0)
    empty_at = watch.clock.at
    watch.clock.at += 40
    watch.freshness.ends({PARTITION: 8}, {PARTITION: 5})
    watch.clock.at += 40
    watch.freshness.ends({PARTITION: 9}, {PARTITION: 5})
    assert (watch.value("source_lag_messages"), watch.oldest()) == (4, empty_at)


def test_a_partition_that_brought_nothing_yet_has_a_lag_by_its_stored_offset() -> None:
    watch = Watch()
    watch.freshness.ends({PARTITION: 8}, {})
    assert watch.value("source_lag_messages") is None
    watch.freshness.known({PARTITION: 2})
    watch.freshness.ends({PARTITION: 8}, {})
    assert watch.value("source_lag_messages") == 6


def test_a_partition_that_went_to_another_process_is_not_behind_here() -> None:
    watch = Watch()
    watch.freshness.fetched(part(0))
    watch.freshness.ends({PARTITION: 8}, {PARTITION: 0})
    watch.freshness.owned(frozenset())
    assert (watch.value("source_lag_messages"), watch.oldest()) == (None, None)
    kinds = {
        kind: watch.metrics.registry.get_sample_value("histoire_rebalances_total", {"kind": kind})
        for kind in ("assigned", "revoked")
    }
    assert kinds == {"assigned": 1, "revoked": 1}


def test_what_was_dropped_because_of_another_owner_does_not_wait() -> None:
    watch = Watch()
    watch.freshness.fetched(part(0))
    watch.freshness.lost(part(0))
    assert watch.oldest() == 0
