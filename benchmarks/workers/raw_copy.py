"""Floor of B: binary COPY of rows packed by hand into a table with a unique random key.

One transaction per batch; no order, no heads, no sealing, nothing checked. With `readable` the
table has the two indexes that reading by position and by record needs.
"""

import gc
import itertools
from pathlib import Path
from struct import Struct

import psycopg

from benchmarks.workers.batches import PlainEvent, event_batches, read_states
from benchmarks.workers.protocol import answer, meter_of, task

TABLE = """
CREATE TABLE raw (id uuid PRIMARY KEY, position bigint NOT NULL, record bigint NOT NULL,
                  version integer NOT NULL, message_id uuid NOT NULL, state bytea NOT NULL);
ALTER TABLE raw ALTER state SET STORAGE EXTERNAL
"""
READABLE = """
CREATE UNIQUE INDEX ON raw (position);
CREATE INDEX ON raw (record, position)
"""
"""Without these nobody can read the log in order, or one person's events."""
HEAD = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0"
END = b"\xff\xff"
ROW = Struct("!hi16siqiqiii16si").pack


def packed(batch: list[PlainEvent], ids: list[bytes], position: int) -> bytes:
    """One binary COPY of the batch."""
    parts = [HEAD]
    for number, (event, key) in enumerate(zip(batch, ids, strict=True), position):
        state = event.state
        parts.append(
            ROW(
                6,
                16,
                key,
                8,
                number,
                8,
                event.person,
                4,
                event.base + 1,
                16,
                event.message_id,
                len(state),
            )
        )
        parts.append(state)
    parts.append(END)
    return b"".join(parts)


def main() -> None:
    """From the first batch to the last commit."""
    told = task()
    meter = meter_of(told)
    states = read_states(Path(told["states"]))
    batches = event_batches(states, told["seed"], told["events"], told["batch"], told["people"])
    # Message ids are random and unique; streams come again in operations.
    keys = [[event.message_id for event in batch] for batch in batches]
    with psycopg.connect(told["dsn"], autocommit=True) as conn:
        conn.execute(TABLE)
        if told["readable"]:
            conn.execute(READABLE)
        gc.disable()
        begin, counter = meter.mark(), itertools.count(0, told["batch"])
        for batch, ids, position in zip(batches, keys, counter, strict=False):
            with conn.transaction(), conn.cursor() as cursor:
                data = packed(batch, ids, position)
                with cursor.copy("COPY raw FROM STDIN (FORMAT binary)") as copy:
                    copy.write(data)
        end = meter.mark()
        row = conn.execute("SELECT count(*) FROM raw").fetchone()
    answer(begin, end, told["events"], rows=row[0] if row else 0)


if __name__ == "__main__":
    main()
