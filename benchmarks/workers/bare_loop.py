"""The honest floor: what one would write without any guarantee. Kept as short as that.

kafka-python, fastavro, COPY into a staging table, insert with de-duplication, an index by patient.
No validation, no order, no fence, no sealing, no dead letters, no outcomes; a bad message ends it.
"""

import gc
import hashlib
import io
from typing import Any
from uuid import UUID

import fastavro
import psycopg
from kafka import KafkaConsumer, TopicPartition

from benchmarks.workers.protocol import answer, meter_of, task
from schemas.versions.catalogue import schema_catalogue

TABLE = """
CREATE TABLE IF NOT EXISTS bare (id uuid PRIMARY KEY, patient text NOT NULL, value bytea NOT NULL);
CREATE INDEX IF NOT EXISTS bare_patient ON bare (patient);
CREATE TEMP TABLE staging (id uuid, patient text, value bytea);
"""


def main() -> None:
    """From the first poll until the messages told of are in the table."""
    told = task()
    meter, messages = meter_of(told), told["messages"]
    parsed = {
        s.fingerprint: s.parsed for s in schema_catalogue().all() if s.namespace == "histoire.feed"
    }
    consumer = KafkaConsumer(bootstrap_servers=told["bootstrap"], enable_auto_commit=False)
    tps = [TopicPartition(t, n) for t in told["topics"] for n in consumer.partitions_for_topic(t)]
    consumer.assign(tps)
    consumer.seek_to_beginning(*tps)
    conn = psycopg.connect(told["dsn"])
    cur = conn.cursor()
    cur.execute(TABLE)
    conn.commit()
    gc.disable()
    begin, seen, batches = meter.mark(), 0, 0
    while seen < messages:
        records = [r for rs in consumer.poll(200, max_records=2000).values() for r in rs]
        seen += len(records)
        batches += bool(records)
        with cur.copy("COPY staging FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["uuid", "text", "bytea"])
            for r in records:
                d: Any = fastavro.schemaless_reader(io.BytesIO(r.value[10:]), parsed[r.value[2:10]])
                name = d["document"]["uniqueId"].encode() if "document" in d else d["messageId"]
                patient = f"{d['ins']['oid']}|{d['ins']['matricule']}"
                copy.write_row((UUID(bytes=hashlib.md5(name).digest()), patient, r.value))
        cur.execute("INSERT INTO bare SELECT * FROM staging ON CONFLICT DO NOTHING")
        cur.execute("TRUNCATE staging")
        conn.commit()
    end = meter.mark()
    row = cur.execute("SELECT count(*) FROM bare").fetchone()
    answer(begin, end, seen, rows=row[0] if row else 0, batches=batches)


if __name__ == "__main__":
    main()
