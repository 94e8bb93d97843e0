"""Who sees which rows, through the query on a real database; days, counts, links, majority."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from ingest.eventstore import EventStore
from ingest.runtime.postgres.database import connect, store_dsn
from ingest.runtime.settings import Settings
from projections.timeline.display import as_json
from projections.timeline.query import PersonTimeline, by_day, timeline_of
from schemas.policy.may_see import WITHOUT_END, Reader, ReaderKind
from tests.projections.given import Log, author
from tests.projections.stores import append, append_all, make_records, project

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
MINE = "1.2.250.1.71.4.2.1^899700000077"
PATIENT = Reader(ReaderKind.PATIENT)
REPRESENTATIVE = Reader(ReaderKind.REPRESENTATIVE)
PROFESSIONAL = Reader(ReaderKind.PROFESSIONAL, authorised_until=WITHOUT_END)
AUTHOR = Reader(ReaderKind.PROFESSIONAL, frozenset({MINE}))
STRANGER = Reader(ReaderKind.PROFESSIONAL)
REGULATION = Reader(ReaderKind.REGULATION)

VISIBLE = {
    "patient": (PATIENT, {"plain", "masked", "no-rep", "new", "shown"}, {"old"}),
    "representative": (REPRESENTATIVE, {"plain", "masked", "new", "shown"}, {"old"}),
    "professional": (PROFESSIONAL, {"plain", "hidden", "no-rep", "new", "shown"}, {"old"}),
    "author": (AUTHOR, {"masked", "hidden"}, set[str]()),
    "stranger": (STRANGER, set[str](), set[str]()),
    "regulation": (REGULATION, {"plain", "hidden", "no-rep", "new", "shown"}, set[str]()),
}


def child() -> Log:
    """A child's record with a document for each line of SPEC h.2."""
    log = Log()
    log.opened(1)
    log.declared(1, "20150301")
    log.submitted("1.1", title="plain")
    log.submitted("1.2", title="masked", masquePs=True, authors=[author(MINE)])
    log.submitted("1.3", title="hidden", authors=[author(MINE)], invisiblePatient=True)
    log.submitted("1.4", title="no-rep", invisibleRepresentantsLegaux=True)
    log.submitted("1.5", title="old")
    log.archived("1.5")
    log.submitted("1.6", title="replaced")
    log.submitted("1.7", title="new", replaces="1.6")
    log.replaced("1.6", "1.7")
    log.submitted("1.8", title="deleted")
    log.deleted("1.8")
    log.submitted("1.9", title="signature", typeCode="E1762")
    log.submitted("1.10", title="kos", typeCode="IMG-KOS")
    log.submitted(
        "1.11", title="shown", invisiblePatient=True, serviceStartTime="20240110090000+0100"
    )
    log.flag("1.11", "INVISIBLE_PATIENT", False)
    return log


@pytest.fixture
def conn(settings: Settings) -> Any:
    with connect(store_dsn(settings), application_name="test") as opened:
        yield opened


def titles(entries: list[Any]) -> set[str]:
    return {entry.row.title for entry in entries}


def seen(
    conn: psycopg.Connection[Any], reader: Reader, record: int = 1, now: datetime = NOW
) -> PersonTimeline:
    return timeline_of(conn, record, reader, now)


def test_each_reader_sees_his_documents_and_no_trace_of_others(
    settings: Settings, store: EventStore, conn: psycopg.Connection[Any]
) -> None:
    make_records(store, 1)
    append_all(store, child().events)
    project(settings)
    for name, (reader, current, archived) in VISIBLE.items():
        timeline = seen(conn, reader)
        assert titles(timeline.current) == current, name
        assert titles(timeline.archived) == archived, name
        shown = as_json(timeline, name, NOW, archived=True)
        assert (shown["count"], shown["archivedCount"]) == (len(current), len(archived))
        for hidden in {t for _, c, a in VISIBLE.values() for t in c | a} - current - archived:
            assert f"'{hidden}'" not in str(shown), f"{name} can infer {hidden}"


def test_what_is_shown_later_stands_at_the_day_of_the_act(
    settings: Settings, store: EventStore, conn: psycopg.Connection[Any]
) -> None:
    make_records(store, 1)
    append_all(store, child().events)
    project(settings)
    days = by_day(seen(conn, PATIENT).current)
    assert list(days) == ["2025-12-30", "2024-01-10"], "newest act first, not newest arrival"
    (shown,) = days["2024-01-10"]
    assert shown.row.title == "shown"
    assert shown.row.visible_since is not None
    assert shown.row.visible_since >= shown.row.submitted_at


def test_partial_dates_and_zones_name_their_own_day(
    settings: Settings, store: EventStore, conn: psycopg.Connection[Any]
) -> None:
    log = Log()
    for n, act in enumerate(["1979", "197903", "19790328", "20240401003000+0400"]):
        log.submitted(f"1.{n}", serviceStartTime=act)
    make_records(store, 1)
    append_all(store, log.events)
    project(settings)
    assert list(by_day(seen(conn, PATIENT).current)) == [
        "2024-04-01",
        "1979-03-28",
        "1979-03",
        "1979",
    ]


def test_a_representative_sees_nothing_from_the_birthday_on(
    settings: Settings, store: EventStore, conn: psycopg.Connection[Any]
) -> None:
    make_records(store, 1)
    append_all(store, child().events)
    project(settings)
    eve, birthday = datetime(2033, 2, 28, 12, tzinfo=UTC), datetime(2033, 3, 1, 12, tzinfo=UTC)
    assert seen(conn, REPRESENTATIVE, now=eve).current
    assert not seen(conn, REPRESENTATIVE, now=birthday).current
    assert seen(conn, PATIENT, now=birthday).current


def test_a_closed_record_is_read_by_the_patient_alone(
    settings: Settings, store: EventStore, conn: psycopg.Connection[Any]
) -> None:
    log = child()
    log.closed(1)
    make_records(store, 1)
    append_all(store, log.events)
    project(settings)
    for name, (reader, current, _) in VISIBLE.items():
        expected = current if name == "patient" else set()
        assert titles(seen(conn, reader).current) == expected


def test_linked_records_are_one_person_until_the_link_is_undone(
    settings: Settings, store: EventStore, conn: psycopg.Connection[Any]
) -> None:
    log = Log()
    log.submitted("1.1", 1, title="one")
    log.submitted("2.1", 2, title="two")
    log.submitted("3.1", 3, title="three")
    log.linked(2, 3)
    log.linked(1, 2)
    log.submitted("2.2", 2, title="newer one", replaces="1.1")
    log.replaced("1.1", "2.2", 1)
    make_records(store, 3)
    append_all(store, log.events)
    project(settings)
    for record in (1, 2, 3):
        timeline = seen(conn, PATIENT, record)
        assert timeline.person == 1
        assert titles(timeline.current) == {"newer one", "two", "three"}
    before = len(log.events)
    bases = dict(log.versions)
    log.unlinked(1, 2)
    append(store, log.events[before:], bases)
    project(settings)
    assert titles(seen(conn, PATIENT, 1).current) == {"one"}, "what was his shows again"
    assert titles(seen(conn, PATIENT, 3).current) == {"newer one", "two", "three"}
    assert seen(conn, PATIENT, 3).person == 2


def test_an_old_identity_closed_as_an_error_hides_its_own_documents_only(
    settings: Settings, store: EventStore, conn: psycopg.Connection[Any]
) -> None:
    log = Log()
    log.submitted("1.1", 1, title="of the wrong identity")
    log.submitted("2.1", 2, title="right")
    log.linked(1, 2)
    log.closed(1, "IDENTITY_ERROR")
    make_records(store, 2)
    append_all(store, log.events)
    project(settings)
    assert titles(seen(conn, PROFESSIONAL, 2).current) == {"right"}
    log.closed(2, "DEATH")
    bases = {e.stream: e.version for e in log.events[:-1]}
    append(store, log.events[-1:], bases)
    project(settings)
    assert titles(seen(conn, PROFESSIONAL, 2).current) == set()


def test_an_unknown_record_has_an_empty_timeline(conn: psycopg.Connection[Any]) -> None:
    timeline = seen(conn, PATIENT, 999)
    assert (timeline.current, timeline.archived) == ([], [])
