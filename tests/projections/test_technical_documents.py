"""The signature of a submission set and the KOS of a report: nowhere listed, counted or announced,
to nobody, though both are in the log and in the rows (TRAP 17, 25).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from ingest.eventstore import EventStore
from ingest.runtime.postgres.database import connect, store_dsn
from ingest.runtime.settings import Settings
from projections.audit import timeline_audit
from projections.builds import live_build
from projections.notifications.tables import NotificationTables
from projections.statistics.figures import national_figures
from projections.timeline.display import as_json
from projections.timeline.query import timeline_of
from schemas.policy.may_see import WITHOUT_END, Reader, ReaderKind
from schemas.valuesets import KOS_TYPE, SIGNATURE_TYPE
from tests.projections.given import Log, author
from tests.projections.stores import append_all, make_records, project

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
MINE = "1.2.250.1.71.4.2.1^899700000077"
READERS = (
    Reader(ReaderKind.PATIENT),
    Reader(ReaderKind.REPRESENTATIVE),
    Reader(ReaderKind.PROFESSIONAL, authorised_until=WITHOUT_END),
    Reader(ReaderKind.PROFESSIONAL, frozenset({MINE})),
    Reader(ReaderKind.REGULATION),
)


def history() -> Log:
    """Record 1: a report with its KOS and the signature of their set; record 2: only the latter."""
    log = Log()
    for record in (1, 2):
        log.opened(record)
        log.declared(record, "20150301")
        prefix = f"1.{record}"
        log.submitted(f"{prefix}.2", record, typeCode=KOS_TYPE, authors=[author(MINE)])
        log.submitted(
            f"{prefix}.3",
            record,
            typeCode=SIGNATURE_TYPE,
            masquePs=True,
            invisiblePatient=True,
            authors=[author(MINE)],
        )
        log.flag(f"{prefix}.3", "INVISIBLE_PATIENT", False, record)
        log.flag(f"{prefix}.3", "MASQUE_PS", False, record)
        log.archived(f"{prefix}.2", record)
        log.unarchived(f"{prefix}.2", record)
        # A report replaced with its KOS (SPEC g).
        log.submitted(f"{prefix}.4", record, typeCode=KOS_TYPE, replaces=f"{prefix}.2")
        log.replaced(f"{prefix}.2", f"{prefix}.4", record)
    log.submitted("1.1.1", 1, title="report", authors=[author(MINE)])
    return log


@pytest.fixture
def conn(settings: Settings, store: EventStore) -> Iterator[psycopg.Connection[Any]]:
    make_records(store, 2)
    append_all(store, history().events)
    project(settings)
    with connect(store_dsn(settings), application_name="test") as opened:
        yield opened


def test_technical_documents_are_nowhere(conn: psycopg.Connection[Any], settings: Settings) -> None:
    for reader in READERS:
        first = as_json(timeline_of(conn, 1, reader, NOW), "reader", NOW, archived=True)
        assert (first["count"], first["archivedCount"]) == (1, 0)
        assert [document["title"] for day in first["days"] for document in day["documents"]] == [
            "report"
        ]
        second = as_json(timeline_of(conn, 2, reader, NOW), "reader", NOW, archived=True)
        assert (second["count"], second["archivedCount"], second["days"]) == (0, 0, [])
    figures = national_figures(conn)
    assert [(figure.type_code, figure.fed) for figure in figures.documents] == [("11502-2", 1)]
    assert (figures.records["opened"], figures.records["fed"]) == (2, 1)
    with conn.cursor() as cursor:
        tables = NotificationTables(live_build(cursor, "notifications").number)
        announced = cursor.execute(
            f"select record, type_code from {tables.outbox}".encode()
        ).fetchall()
    assert announced == [(1, "11502-2")]
    assert all(check.holds for check in timeline_audit(settings, at_end=True))
