"""Given events, then rows: who may read and who did, however the log is cut, linked or erased."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.eventstore.append_batch import RecordedEvent
from projections.access.fold import moment, permissions, traces
from projections.access.live import Access, compare_builds
from projections.access.person import PersonAccess, person_access
from projections.access.row import Matter, Permission, Trace
from projections.access.tables import AccessTables
from projections.events import events_of_records
from projections.persons import LINK_EVENTS, apply_link_events, persons_of
from tests.projections.builds import ListedLog, apply_in_batches, fresh_build
from tests.projections.given import START, Log, milliseconds
from tests.projections.histories import RECORDS, erased, histories

PERSISTENT = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
sizes = st.lists(st.integers(1, 8), min_size=1, max_size=4)
DOCTOR = "1.2.250.1.71.4.2.1^899700000001"
OTHER = "1.2.250.1.71.4.2.1^899700000002"
CLINIC = "1.2.250.1.71.4.2.2^1750000001"
JULY = datetime(2026, 7, 1, tzinfo=UTC)


def stored(
    conn: psycopg.Connection[Any], build: int
) -> tuple[list[Permission], list[Trace], dict[int, int]]:
    """The permissions, the traces and the persons in the tables."""
    tables = AccessTables(build)
    with conn.cursor(binary=True) as cursor:
        words = tables.permissions_of(cursor, RECORDS)
        seen = tables.traces_of(cursor, RECORDS, 1000, secret=True)
        persons = tables.persons.persons(cursor, RECORDS)
    return sorted(words, key=lambda word: astuple(word)[:3]), seen, persons


def links_of(events: list[RecordedEvent]) -> dict[int, int]:
    edges: set[tuple[int, int]] = set()
    apply_link_events(edges, (e for e in events if e.name in LINK_EVENTS))
    return persons_of(edges)


def folded(
    events: list[RecordedEvent],
) -> tuple[list[Permission], list[Trace], dict[int, int]]:
    opened = events_of_records(events)
    words = sorted(permissions(opened).values(), key=lambda word: astuple(word)[:3])
    seen = sorted(traces(opened), key=lambda t: (t.accessed_at, t.position), reverse=True)
    return words, seen, links_of(opened)


class NaivePerson:
    """The oracle: one person's events in order, each as a plain assignment."""

    def __init__(self) -> None:
        self.until: dict[str, datetime] = {}
        self.blocked: set[str] = set()
        self.attending: str | None = None
        self.opposed: set[str] = set()

    def hear(self, event: RecordedEvent) -> None:
        said = event.datum
        match event.name:
            case "access_authorised":
                self.until[said["professionalId"]] = moment(said["until"])
            case "access_withdrawn":
                self.until.pop(said["professionalId"], None)
            case "professional_blocked":
                self.blocked.add(said["professionalId"])
            case "professional_unblocked":
                self.blocked.discard(said["professionalId"])
                self.until.pop(said["professionalId"], None)  # a block's end gives nothing back
                if self.attending == said["professionalId"]:
                    self.attending = None
            case "attending_physician_designated":
                self.attending = said["professionalId"]
            case "attending_physician_ended":
                if self.attending == said["professionalId"]:
                    self.attending = None
            case "emergency_access_opposed":
                self.opposed.add(said["access"])
            case "emergency_opposition_withdrawn":
                self.opposed.discard(said["access"])

    def equals(self, access: PersonAccess) -> bool:
        attending = access.attending.subject if access.attending else None
        opposed = {"BREAK_GLASS"} if access.break_glass_opposed else set()
        opposed |= {"REGULATION"} if access.regulation_opposed else set()
        until = {subject: word.until for subject, word in access.authorised.items()}
        return (until, set(access.blocked), attending, opposed) == (
            self.until,
            self.blocked,
            self.attending,
            self.opposed,
        )


@PERSISTENT
@given(events=histories(), sizes=sizes, twice=st.booleans())
def test_any_split_equals_the_fold(
    connection: psycopg.Connection[Any],
    events: list[RecordedEvent],
    sizes: list[int],
    twice: bool,
) -> None:
    with fresh_build(connection, Access()) as build:
        apply_in_batches(connection, Access(), build, events, sizes, twice=twice)
        assert stored(connection, build) == folded(events)


@given(histories())
def test_what_holds_for_a_person_is_what_was_said_last(events: list[RecordedEvent]) -> None:
    """Of all his records in one order, by an oracle that assigns event by event."""
    opened = events_of_records(events)
    person_of = links_of(opened)
    oracles: dict[int, NaivePerson] = defaultdict(NaivePerson)
    words: dict[int, list[Permission]] = defaultdict(list)
    for event in opened:
        oracles[person_of.get(event.record, event.record)].hear(event)
    for word in permissions(opened).values():
        words[person_of.get(word.record, word.record)].append(word)
    for person, oracle in oracles.items():
        assert oracle.equals(person_access(words[person], {}))


@PERSISTENT
@given(events=histories(), record=st.sampled_from(RECORDS), late=st.booleans())
def test_nothing_is_left_of_the_erased(
    connection: psycopg.Connection[Any], events: list[RecordedEvent], record: int, late: bool
) -> None:
    after = erased(events, record)
    with fresh_build(connection, Access()) as build:
        apply_in_batches(connection, Access(), build, events if late else after, [3])
        if late:
            with connection.transaction(), connection.cursor(binary=True) as cursor:
                Access().forget(cursor, build, ListedLog(after), [record], 0)
        words, seen, _ = stored(connection, build)
        assert (words, seen) == folded(after)[:2]
        assert record not in {word.record for word in words} | {trace.record for trace in seen}


def test_builds_that_differ_are_told_by_record(connection: psycopg.Connection[Any]) -> None:
    log = Log()
    log.authorised(DOCTOR, JULY, 1)
    log.blocked(OTHER, 2)
    log.accessed(DOCTOR, 3)
    log.linked(1, 2)
    with (
        fresh_build(connection, Access()) as one,
        fresh_build(connection, Access()) as two,
        connection.cursor() as cursor,
    ):
        for build in (one, two):
            apply_in_batches(connection, Access(), build, log.events, [2])
        same = compare_builds(cursor, AccessTables(one), AccessTables(two))
        assert (same.compared, same.differing) == (3, 0)
        cursor.execute(f"update {AccessTables(two).trace} set mode = 'SECRET'".encode())
        cursor.execute(f"update {AccessTables(two).permission} set said = 1".encode())
        apart = compare_builds(cursor, AccessTables(one), AccessTables(two))
        assert apart.keys == ["record 1", "record 2", "record 3"]


def test_a_link_joins_the_words_of_two_records_and_its_undoing_parts_them(
    connection: psycopg.Connection[Any],
) -> None:
    log = Log()
    log.authorised(DOCTOR, JULY, 1)
    log.designated(DOCTOR, 1)
    log.linked(1, 2)
    log.withdrawn(DOCTOR, 2)
    log.designated(OTHER, 2)
    log.blocked(CLINIC, 1)
    words = permissions(events_of_records(log.events)).values()
    joined = person_access(words, {})
    assert not joined.authorised
    assert joined.attends(OTHER)
    assert joined.blocks([DOCTOR, CLINIC])
    alone = person_access((w for w in words if w.record == 1), {})
    assert alone.authorised_until([CLINIC, DOCTOR]) == JULY
    assert alone.attends(DOCTOR)
    with fresh_build(connection, Access()) as build:
        apply_in_batches(connection, Access(), build, log.events, [1])
        found, _, persons = stored(connection, build)
        assert persons == {1: 1, 2: 1}
        assert person_access(found, {}) == joined


def test_a_trace_says_all_that_must_be_traced(connection: psycopg.Connection[Any]) -> None:
    """SPEC h.4: actor and role, organisation, sector, software, mode, action, documents, instant,
    outcome.
    """
    log = Log()
    log.accessed(
        DOCTOR,
        mode="BREAK_GLASS",
        motive="found \0 unconscious",
        action="READ",
        outcome="REFUSED",
        documentIds=["1.1", "1.2"],
        accessedAt=milliseconds(JULY),
    )
    event = log.events[0]
    with fresh_build(connection, Access()) as build:
        apply_in_batches(connection, Access(), build, log.events, [1])
        (trace,) = stored(connection, build)[1]
    assert trace == Trace(
        event.position,
        1,
        event.recorded_at,
        JULY,
        "BREAK_GLASS",
        "READ",
        "REFUSED",
        "found \ufffd unconscious",
        DOCTOR,
        "DOC PAUL",
        "10",
        CLINIC,
        "CABINET",
        "SA07",
        "LGC 1",
        ("1.1", "1.2"),
    )


@pytest.mark.parametrize("given_ms", [2**63 - 1, -(2**63), 0, 253_402_300_800_000])
def test_any_number_is_a_moment_the_database_keeps(
    connection: psycopg.Connection[Any], given_ms: int
) -> None:
    log = Log()
    log.accessed(DOCTOR, accessedAt=given_ms)
    with fresh_build(connection, Access()) as build:
        apply_in_batches(connection, Access(), build, log.events, [1])
        (trace,) = stored(connection, build)[1]
    assert trace.accessed_at == moment(given_ms)


def test_a_later_authorisation_counts_even_when_it_ends_sooner() -> None:
    log = Log()
    log.authorised(DOCTOR, JULY)
    log.authorised(DOCTOR, START + timedelta(days=1))
    access = person_access(permissions(events_of_records(log.events)).values(), {})
    assert access.authorised_until([DOCTOR]) == START + timedelta(days=1)
    assert access.authorised_until([OTHER]) is None
    assert Matter.AUTHORISED in {word.matter for word in access.authorised.values()}
