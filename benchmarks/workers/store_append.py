"""`EventStore.append` alone: sealed, ordered, fenced, checked again under the lock.

Batches rest on what batches of ingestion rest on: the versions of the record streams, no link and
no letter waiting for the new documents, one source position moved with each.
"""

import gc
from itertools import count
from pathlib import Path

from benchmarks.workers.batches import PlainEvent, event_batches, read_states
from benchmarks.workers.protocol import answer, meter_of, task
from ingest.eventstore import AppendBatch, EventStore, HeadChange, NewEvent, SourceAdvance
from ingest.runtime.settings import Settings
from schemas.events import DOCUMENT_SUBMITTED
from schemas.forms.stream_ids import record_stream
from schemas.heads import Head

SOURCE = "bench/documents/0"


def main() -> None:
    """From the first batch to the last commit; records and keys exist before."""
    told = task()
    meter = meter_of(told)
    states = read_states(Path(told["states"]))
    plain = event_batches(states, told["seed"], told["events"], told["batch"], told["people"])
    with EventStore.open(Settings.load()) as store:
        tokens = [
            store.secrets.ins_hash(f"1.2.250.1.213.1.4.10|{n:015d}") for n in range(told["people"])
        ]
        refs = store.identities.resolve(tokens)
        records = [refs[token].record for token in tokens]
        authors = tuple(store.secrets.author_hash(f"author {n}") for n in range(2))
        store.sources.insert(SOURCE, "bench", 0)
        batches = [
            batch_of(events, start, records, authors)
            for events, start in zip(plain, count(0, told["batch"]), strict=False)
        ]
        gc.collect()
        gc.freeze()
        gc.disable()
        begin = meter.mark()
        for batch in batches:
            store.append(batch)
        end = meter.mark()
        rows = store.reading.max_position()
    answer(begin, end, told["events"], rows=rows)


def batch_of(
    events: list[PlainEvent], start: int, records: list[int], authors: tuple[int, ...]
) -> AppendBatch:
    """The batch of these events; their messages are the offsets from `start` on."""
    size = len(events)
    batch = AppendBatch(
        advances=[
            SourceAdvance(
                SOURCE,
                start,
                start + size,
                start + size - 1,
                0,
                1_700_000_000_000,
                accepted=size,
                duplicate=0,
                unchanged=0,
                rejected=0,
                events=size,
                holes=0,
            )
        ]
    )
    for number, event in enumerate(events):
        record, version = records[event.person], event.base + 1
        batch.events.append(
            NewEvent(
                event.stream, record, version, DOCUMENT_SUBMITTED, event.message_id, event.state
            )
        )
        batch.heads.append(
            HeadChange(
                event.stream,
                Head(record, version, 0, 0, authors, None),
                event.base,
                number if event.base == 0 else -1,
            )
        )
        batch.record_versions[record_stream(record)] = 0
        if event.base == 0:
            batch.watched.add(event.stream)
    return batch


if __name__ == "__main__":
    main()
