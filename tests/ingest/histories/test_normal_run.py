"""In a normal run nearly every batch is decided once: what it needs is read beforehand."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from ingest.feed import FeedRecord, Partition, PolledPartition, partition_of
from ingest.read.arrivals import Arrival, read_partition, source_of
from producers.simulator.content.messages import Message
from producers.simulator.faults.rates import parse_faults
from producers.simulator.plan.plan import Run
from producers.simulator.run.run_messages import messages_of
from producers.simulator.tables.sectors import all_sectors, read_sector
from tests.ingest.feed_messages import CONTEXT, PARTITIONS
from tests.ingest.ingest_site import CLUSTER, Site

LATE_SHARE_MAX = 0.01


def polls(
    site: Site, messages: Sequence[Message], size: int
) -> list[list[PolledPartition[Arrival]]]:
    """The messages as so many of them at a time are polled, partition by partition."""
    offsets: dict[Partition, int] = defaultdict(int)
    found = []
    for start in range(0, len(messages), size):
        records: dict[Partition, list[FeedRecord]] = defaultdict(list)
        for message in messages[start : start + size]:
            sent = message.record
            partition = Partition(sent.topic, partition_of(sent.key, PARTITIONS))
            at = offsets[partition]
            offsets[partition] += 1
            records[partition].append(
                FeedRecord(at, -1, 1_750_000_000_000, sent.key, sent.value, tuple(sent.headers))
            )
        parts = []
        for partition, of_partition in records.items():
            site.store.sources.insert(source_of(CLUSTER, partition), "topic", 0)
            first, end = of_partition[0].offset, of_partition[-1].offset + 1
            polled = PolledPartition(partition, first, end, of_partition)
            parts.append(read_partition(polled, CLUSTER, CONTEXT))
        found.append(parts)
    return found


def test_few_batches_of_a_normal_run_read_late(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    """All sectors, faults included, in as many small batches as the run gives."""
    run = Run(29, tuple(map(read_sector, all_sectors())), 150, 2500)
    messages = list(messages_of(run, parse_faults("0.08"), content=False))
    writer, late, batches = site.writer(), Counter[str](), Counter[bool]()
    for parts in polls(site, messages, 20):
        written = writer.write(parts)
        late.update(written.late_reads)
        batches[bool(written.late_reads)] += 1
    share = batches[True] / batches.total()
    told = f"{batches[True]} of {batches.total()} batches read late ({share:.2%}): {dict(late)}"
    record_property("late_reads", told)
    assert batches.total() > 100
    assert share < LATE_SHARE_MAX, told
