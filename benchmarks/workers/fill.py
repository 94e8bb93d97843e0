"""Puts simulated messages on the feed, in order, and says how many and how large they were."""

import gc
from collections.abc import Iterator
from itertools import islice

import orjson

from benchmarks.workers.protocol import task
from ingest.feed import Acknowledgement, PublishFailure, open_publisher
from ingest.runtime.settings import Settings
from producers.simulator.content.messages import Message, MessageMaker
from producers.simulator.plan.plan import Plan, Run
from producers.simulator.tables.sectors import read_sector

SECTORS = ("lab", "hospital", "gp")
DOCUMENTS_PER_PATIENT = 15
"""Three years of the national mean: 300 M documents a year, 65 M people."""
BATCH = 1000
FLUSH_SECONDS = 120.0


def simulated(seed: int, count: int, *, content: bool) -> Iterator[Message]:
    """`count` messages of the simulator's usual mix, without faults."""
    sectors = tuple(map(read_sector, SECTORS))
    run = Run(seed, sectors, max(1, count // DOCUMENTS_PER_PATIENT), count)
    return islice(MessageMaker(seed, content=content).make_all(Plan(run)), count)


def main() -> None:
    """All messages told of are acknowledged; raises otherwise."""
    told = task()
    gc.disable()  # a few hundred MB at most: the process ends soon
    failures: list[str] = []

    def done(result: Acknowledgement | PublishFailure) -> None:
        if isinstance(result, PublishFailure):
            failures.append(result.code)

    publisher = open_publisher(Settings.load(), client_id=f"bench-{told['seed']}")
    source = simulated(told["seed"], told["messages"], content=told["content"])
    count = size = largest = 0
    while batch := [message.record for message in islice(source, BATCH)]:
        publisher.publish_many(batch, done)
        count += len(batch)
        sizes = [len(record.value) for record in batch]
        size += sum(sizes)
        largest = max(largest, *sizes)
    if not publisher.flush(FLUSH_SECONDS) or failures:
        raise SystemExit(f"the feed did not take all messages: {failures[:3]}")
    publisher.close()
    print(orjson.dumps({"count": count, "bytes": size, "largest": largest}).decode())


if __name__ == "__main__":
    main()
