"""The honest floor: what one would write without any guarantee. Kept as short as that.

kafka-python, fastavro, COPY into a staging table, insert with de-duplication, an index by patient.
No
validation, no order, no fence, no sealing, no dead letters, no outcomes; a bad message ends it.
"""

import gc
import hashlib
import io
import sys
import time

import fastavro
import psycopg
from kafka import KafkaConsumer, TopicPartition

from schemas.registry import registry

TABLE = """
CREATE TABLE IF NOT EXISTS bare (id uuid PRIMARY KEY, patient text NOT NULL, value bytea NOT NULL);
CREATE INDEX IF NOT EXISTS bare_patient ON bare (patient);
CREATE TEMP TABLE staging (id uuid, patient text, value bytea);
"""


def run(bootstrap: str, topic: str, dsn: str, messages: int) -> tuple[float, int]:
    """Seconds from the first poll until `messages` are in the table, and the rows there are."""
    parsed = {s.fingerprint: s.parsed for s in registry().all() if s.namespace == "histoire.feed"}
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    tps = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic)]
    consumer.assign(tps)
    consumer.seek_to_beginning(*tps)
    conn = psycopg.connect(dsn)
    cur = conn.cursor()
    cur.execute(TABLE)
    conn.commit()
    gc.disable()
    begun, seen = time.perf_counter(), 0
    while seen < messages:
        records = [r for rs in consumer.poll(200, max_records=2000).values() for r in rs]
        seen += len(records)
        with cur.copy("COPY staging FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["uuid", "text", "bytea"])
            for r in records:
                d = fastavro.schemaless_reader(io.BytesIO(r.value[10:]), parsed[r.value[2:10]])
                name = d["document"]["uniqueId"].encode() if "document" in d else d["messageId"]
                patient = f"{d['ins']['oid']}|{d['ins']['matricule']}"
                copy.write_row((hashlib.md5(name).hexdigest(), patient, r.value))
        cur.execute("INSERT INTO bare SELECT * FROM staging ON CONFLICT DO NOTHING")
        cur.execute("TRUNCATE staging")
        conn.commit()
    seconds = time.perf_counter() - begun
    rows = cur.execute("SELECT count(*) FROM bare").fetchone()
    return seconds, rows[0] if rows else 0


if __name__ == "__main__":
    print(*run(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
