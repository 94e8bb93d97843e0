"""A marked patient goes through everything; nothing but the sealed bytes may know him."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ingest.commands.dead_letters import described
from ingest.consume.metrics import IngestionMetrics
from ingest.feed import OutgoingRecord, open_publisher
from ingest.runtime.lifecycle import StopSignal, SystemClock
from ingest.runtime.logs import configure_logs
from ingest.runtime.metrics import Metrics
from ingest.upkeep.relay import Relay
from tests.ingest.feed_messages import (
    OID,
    deposit,
    feed_record,
    ins,
    key_of,
    mask,
    patient,
    record_message,
)
from tests.ingest.ingest_site import Site
from tests.ingest.read.test_interpret import cda

MATRICULE = "270112B03304275"
NAME = "QWERTZUIOPNAME"
GIVEN = "YXCVBNMGIVEN"
TITLE = "ASDFGHJKLTITLE"
UNIQUE = "1.2.250.1.999.424242424242"
TRAITS = {
    "birthName": NAME,
    "birthGivenName": GIVEN,
    "givenNames": GIVEN,
    "sex": "F",
    "birthDate": "19701203",
    "birthPlace": "2B033",
    "usedName": None,
    "usedGivenName": None,
}


def marks() -> list[bytes]:
    texts = [MATRICULE, f"{OID}|{MATRICULE}", NAME, GIVEN, TITLE, UNIQUE]
    found = [text.encode() for text in texts]
    # However it might be written: as text, in hexadecimal, in base64 at each of its three offsets.
    for text in list(found):
        found.append(text.hex().encode())
        found += [base64.b64encode(b"x" * n + text)[4:-4] for n in range(3)]
    return found


def messages() -> Iterator[tuple[str, dict[str, Any]]]:
    fields: dict[str, Any] = {"uniqueId": UNIQUE, "title": TITLE, "sourcePatientInfo": TRAITS}
    content = cda(matricule=MATRICULE).replace(b"1.2.250.1.999.1.1", UNIQUE.encode())
    content = content.replace(b"</patientRole>", f"<name>{NAME}</name></patientRole>".encode())
    yield record_message("DeclareIdentity", matricule=MATRICULE, traits=TRAITS)
    yield deposit(1, matricule=MATRICULE, content=content, mimeType="text/xml", **fields)
    yield deposit(1, matricule=MATRICULE, content=content + b" ", mimeType="text/xml", **fields)
    # Refused, each in its own way, with everything in it.
    yield deposit(2, matricule=MATRICULE, **{**fields, "uniqueId": NAME})
    yield deposit(3, matricule=MATRICULE, **{**fields, "typeCode": NAME})
    yield mask(4, matricule=MATRICULE, by=patient(MATRICULE), reason=NAME)
    yield record_message("LinkIns", matricule=MATRICULE, reason=NAME)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    configure_logs(process="ingest", level="debug", stream=stream)
    yield stream
    configure_logs(process="test", level="warning")


def through_everything(site: Site, metrics: Metrics) -> None:
    site.publish(*messages())
    key = key_of({"ins": ins(MATRICULE)})
    site.publish_records(
        OutgoingRecord("documents", key, NAME.encode(), (("ce_source", key),)),
        OutgoingRecord("documents", b"other", feed_record(next(messages())).value or b""),
    )
    site.ingest(report=IngestionMetrics(metrics, site.store, SystemClock()))
    publisher = open_publisher(site.settings, client_id="relay")
    Relay(site.store, publisher, "test", SystemClock()).run(StopSignal(), until_idle=True)
    publisher.close()


def dump(dsn: str) -> dict[str, bytes]:
    """Every table but the feed's own topics, whose health data is meant to be there (decision
    0038).
    """
    with psycopg.connect(dsn) as conn:
        tables = conn.execute(
            "select schemaname, tablename from pg_tables"
            " where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        found = {}
        for schema, table in tables:
            if (schema, table) == ("feed", "record"):
                query = (
                    "copy (select r.* from feed.record r join feed.topic t on t.number = r.topic"
                    " where t.name in ('outcomes', 'notifications')) to stdout (format binary)"
                )
            else:
                query = f'copy (select * from "{schema}"."{table}") to stdout (format binary)'
            with conn.cursor().copy(query) as copy:
                found[f"{schema}.{table}"] = b"".join(bytes(block) for block in copy)
        return found


def on_the_feed(dsn: str) -> bytes:
    """Where he must be found, or the search proves nothing."""
    with psycopg.connect(dsn) as conn:
        return b"".join(value for (value,) in conn.execute("select value from feed.record"))


def test_nothing_in_clear_knows_the_patient(site: Site, log: io.StringIO, tmp_path: Path) -> None:
    metrics = Metrics(CollectorRegistry())
    through_everything(site, metrics)
    letters = site.store.dead_letters.page()
    assert {letter.code for letter in letters} >= {
        "unique_id_malformed",
        "type_unknown",
        "target_unknown",
        "not_single_object",
    }
    dsn: Any = site.settings.database_dsn
    given = on_the_feed(dsn.get_secret_value())
    assert all(text.encode() in given for text in (MATRICULE, NAME, GIVEN, TITLE, UNIQUE))
    places = dump(dsn.get_secret_value())
    assert places["public.event_00000"]
    assert places["public.dead_letter"]
    assert len(places["feed.record"]) > 200
    places["log"] = log.getvalue().encode()
    assert b"batch_stored" in places["log"]
    places["metrics"] = generate_latest(metrics.registry)
    places["letters shown"] = repr([described(letter) for letter in letters]).encode()
    content = [path for path in (tmp_path / "content").rglob("*") if path.is_file()]
    assert content
    for path in content:
        places[str(path)] = str(path).encode() + path.read_bytes()
    known = [(place, mark) for place, data in places.items() for mark in marks() if mark in data]
    assert known == []
