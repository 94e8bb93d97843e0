"""What tells one outcome from another for those who read the topic."""

from __future__ import annotations

from dataclasses import replace

from ingest.batch.outcomes import outcome_of
from ingest.feed import FeedRecord, PolledPartition
from ingest.read.arrivals import Arrival, read_partition
from schemas.feed.outcomes import ACCEPTED
from tests.ingest.feed_messages import CONTEXT, deposit, feed_record, partition_for


def decided(record: FeedRecord) -> Arrival:
    partition = partition_for(deposit(1))
    polled = PolledPartition(partition, record.offset, record.offset + 1, [record])
    (arrival,) = read_partition(polled, "cluster", CONTEXT).records
    arrival.decide(ACCEPTED, ())
    return arrival


def test_the_id_is_the_records_and_not_only_its_offsets() -> None:
    """A topic made anew, or a log cut and regrown, has other records at the same offsets: who drops
    repetitions by their id would drop their outcomes.
    """
    record = feed_record(deposit(1), 7)
    first = outcome_of(decided(record), 1)["outcomeId"]
    assert first == outcome_of(decided(record), 2)["outcomeId"]
    other = replace(record, timestamp_ms=record.timestamp_ms + 1)
    assert first != outcome_of(decided(other), 1)["outcomeId"]
