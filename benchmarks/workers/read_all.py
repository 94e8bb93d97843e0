"""Floor of C: every event of the log read, opened and decoded, and nothing done with it."""

import gc

from benchmarks.workers.protocol import answer, meter_of, task
from ingest.eventstore import EventStore
from ingest.runtime.settings import Settings
from schemas.codec.messages import decode_event
from schemas.events import SCHEMA_OF

PAGE = 5000


def main() -> None:
    """From the first read to the last event."""
    meter = meter_of(task())
    with EventStore.open(Settings.load()) as store:
        gc.collect()
        gc.freeze()
        gc.disable()
        begin, position, count = meter.mark(), 0, 0
        while page := store.reading.read_after(position, PAGE):
            for event in page:
                if event.encoded is not None:
                    decode_event(SCHEMA_OF[event.name], event.encoded)
            count += len(page)
            position = page[-1].position
        end = meter.mark()
    answer(begin, end, count)


if __name__ == "__main__":
    main()
