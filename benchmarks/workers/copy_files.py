"""Floor of A2: the bytes of the feed into files, durable per batch, and nothing else.

One file per message, written and fsync'ed by 16 threads, then the folder once: the fastest way
to have durable files that was found. No decoding, no database; names are offsets.
"""

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from benchmarks.workers.protocol import answer, meter_of, task


def main() -> None:
    """From the first poll until the messages told of are on the disk."""
    told = task()
    meter, messages, folder = meter_of(told), told["messages"], Path(told["folder"])
    consumer = KafkaConsumer(
        bootstrap_servers=told["bootstrap"],
        enable_auto_commit=False,
        max_partition_fetch_bytes=16 * 1024 * 1024,
    )
    tps = [TopicPartition(t, n) for t in told["topics"] for n in consumer.partitions_for_topic(t)]
    consumer.assign(tps)
    consumer.seek_to_beginning(*tps)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    gc.disable()
    begin, seen, size, batches = meter.mark(), 0, 0, 0
    with ThreadPoolExecutor(16) as pool:
        while seen < messages:
            polled = consumer.poll(200, max_records=told["batch"])
            records = [record for found in polled.values() for record in found]
            for length in pool.map(lambda record: _write(folder, record), records):
                size += length
            os.fsync(handle)
            seen += len(records)
            batches += bool(records)
    answer(begin, meter.mark(), seen, data=size, batches=batches)


def _write(folder: Path, record: Any) -> int:
    path = folder / f"{record.topic}-{record.partition}-{record.offset}"
    with path.open("wb", buffering=0) as file:
        file.write(record.value)
        os.fsync(file.fileno())
    return len(record.value)


if __name__ == "__main__":
    main()
