"""Who sees which documents and which accesses, through the queries on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from rich.console import Console

from ingest.eventstore import EventStore
from ingest.runtime.postgres.database import connect, store_dsn
from ingest.runtime.settings import Settings
from projections.commands.reader_option import ReadingRules, reader_named
from projections.timeline.accesses import SeenAccess, accesses_of
from projections.timeline.accesses_display import as_json, print_accesses
from projections.timeline.query import timeline_of
from schemas.policy.may_see import Reader, ReaderKind
from tests.projections.given import Log, author, milliseconds, provenance
from tests.projections.stores import append, append_all, make_records, project

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)
DOCTOR = "1.2.250.1.71.4.2.1^899700000001"
OTHER = "1.2.250.1.71.4.2.1^899700000002"
CLINIC = "1.2.250.1.71.4.2.2^1750000001"
ELSEWHERE = author("1.2.250.1.71.4.2.1^899700000009", "1.2.250.1.71.4.2.2^1750000009")
PATIENT = Reader(ReaderKind.PATIENT)
REPRESENTATIVE = Reader(ReaderKind.REPRESENTATIVE)


@pytest.fixture
def conn(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    with connect(store_dsn(settings), application_name="test") as opened:
        yield opened


class World:
    """A store to which events are added as they are needed; a child of eleven."""

    def __init__(self, settings: Settings, store: EventStore) -> None:
        self.settings, self.store = settings, store
        self.log = Log()
        self.bases: dict[bytes, int] = {}
        self.done = 0
        make_records(store, 2)
        self.log.opened(1)
        self.log.declared(1, "20150301")
        self.log.submitted("1.1", title="plain", authors=[ELSEWHERE])
        self.log.submitted("1.2", title="mine", masquePs=True, authors=[author(DOCTOR)])
        self.log.submitted("1.3", title="masked", masquePs=True, authors=[ELSEWHERE])
        self.log.submitted("1.4", title="hidden", invisiblePatient=True, authors=[ELSEWHERE])
        self.log.submitted(
            "1.5", title="no-rep", invisibleRepresentantsLegaux=True, authors=[ELSEWHERE]
        )

    def project(self) -> None:
        append(self.store, self.log.events[self.done :], self.bases)
        self.done = len(self.log.events)
        project(self.settings)


@pytest.fixture
def world(settings: Settings, store: EventStore) -> World:
    return World(settings, store)


def titles(
    conn: psycopg.Connection[Any],
    reader: str,
    now: datetime = NOW,
    rules: ReadingRules | None = None,
) -> set[str]:
    who = reader_named(reader, rules or ReadingRules(now.date(), secret_access=True))
    return {entry.row.title for entry in timeline_of(conn, 1, who, now).current}


ALL_BUT_MASKED = {"plain", "mine", "hidden", "no-rep"}


def test_an_authorisation_opens_until_its_end(world: World, conn: psycopg.Connection[Any]) -> None:
    world.project()
    me = f"professional:{DOCTOR}"
    assert titles(conn, me) == {"mine"}, "his own document only"
    assert titles(conn, f"professional:{OTHER}") == set()
    world.log.authorised(DOCTOR, JULY)
    world.project()
    assert titles(conn, me) == ALL_BUT_MASKED
    assert titles(conn, me, JULY) == {"mine"}, "it ended by itself"
    world.log.withdrawn(DOCTOR)
    world.project()
    assert titles(conn, me) == {"mine"}


def test_an_organisation_may_be_authorised_for_its_own(
    world: World, conn: psycopg.Connection[Any]
) -> None:
    world.log.authorised(CLINIC, JULY)
    world.project()
    assert titles(conn, f"professional:{OTHER}@{CLINIC}") == {"plain", "mine", "hidden", "no-rep"}
    assert titles(conn, f"professional:{OTHER}") == set()


@pytest.mark.parametrize("blocked", [DOCTOR, CLINIC])
def test_a_block_wins_over_everything(
    world: World, conn: psycopg.Connection[Any], blocked: str
) -> None:
    world.log.authorised(DOCTOR, JULY)
    world.log.designated(DOCTOR)
    world.log.blocked(blocked)
    world.log.accessed(DOCTOR, mode="BREAK_GLASS", motive="unconscious")
    world.project()
    for word in ("professional", "secret", "break-glass", "author", "regulation"):
        assert titles(conn, f"{word}:{DOCTOR}@{CLINIC}") == set()
    world.log.unblocked(blocked)
    world.project()
    seen = titles(conn, f"professional:{DOCTOR}@{CLINIC}")
    assert seen == ({"mine"} if blocked == DOCTOR else ALL_BUT_MASKED), "nothing is given back"


def test_the_attending_physician_needs_no_date(world: World, conn: psycopg.Connection[Any]) -> None:
    world.log.designated(OTHER)
    world.project()
    me = f"professional:{OTHER}"
    assert titles(conn, me) == {"plain", "hidden", "no-rep"}
    sees = ReadingRules(NOW.date(), attending_sees_masked=True)
    assert titles(conn, me, rules=sees) == {"plain", "hidden", "no-rep", "mine", "masked"}
    world.log.designated(DOCTOR)
    world.project()
    assert titles(conn, me) == set(), "another one was designated"


def test_break_glass_needs_a_recorded_motive_and_stops_at_an_opposition(
    world: World, conn: psycopg.Connection[Any]
) -> None:
    world.project()
    me = f"break-glass:{OTHER}"
    moment = datetime.now(UTC)
    broken: dict[str, Any] = {
        "mode": "BREAK_GLASS",
        "motive": "unconscious",
        "accessedAt": milliseconds(moment),
    }
    assert titles(conn, me, moment) == set()
    world.log.accessed(OTHER, **{**broken, "outcome": "REFUSED"})
    world.log.accessed(DOCTOR, **broken)
    world.project()
    assert titles(conn, me, moment) == set(), "refused, and another's"
    yesterday = milliseconds(moment - timedelta(hours=25))
    world.log.accessed(OTHER, **{**broken, "accessedAt": yesterday})
    world.project()
    assert titles(conn, me, moment) == set(), "it waited for a day before it was recorded"
    world.log.accessed(OTHER, **broken)
    world.project()
    assert titles(conn, me, moment) == {"plain", "hidden", "no-rep"}, "never the masked ones"
    assert titles(conn, f"professional:{OTHER}", moment) == set()
    assert titles(conn, me, moment + timedelta(hours=25)) == set(), "it lasts a day"
    world.log.emergency_opposed("BREAK_GLASS")
    world.project()
    assert titles(conn, me, moment) == set()
    assert titles(conn, "regulation") == {"plain", "hidden", "no-rep"}
    world.log.emergency_opposition_withdrawn("BREAK_GLASS")
    world.log.emergency_opposed("REGULATION")
    world.project()
    assert titles(conn, me, moment) == {"plain", "hidden", "no-rep"}
    assert titles(conn, "regulation") == set()


def test_a_secret_connection_is_for_minors(world: World, conn: psycopg.Connection[Any]) -> None:
    world.log.authorised(OTHER, JULY)
    world.project()
    assert titles(conn, f"secret:{OTHER}") == {"plain", "hidden", "no-rep"}
    world.log.authorised(OTHER, datetime(2040, 1, 1, tzinfo=UTC))
    world.project()
    grown = datetime(2033, 3, 1, 12, tzinfo=UTC)
    assert titles(conn, f"secret:{OTHER}", grown) == set()
    assert titles(conn, f"professional:{OTHER}", grown) == {"plain", "hidden", "no-rep"}


def test_what_was_said_in_a_linked_record_counts_until_the_link_is_undone(
    world: World, conn: psycopg.Connection[Any]
) -> None:
    world.log.authorised(DOCTOR, JULY, 1)
    world.log.linked(1, 2)
    world.log.blocked(DOCTOR, 2)
    world.project()
    assert titles(conn, f"professional:{DOCTOR}") == set()
    world.log.unlinked(1, 2)
    world.project()
    assert titles(conn, f"professional:{DOCTOR}") == ALL_BUT_MASKED


def seen(
    conn: psycopg.Connection[Any], reader: Reader, now: datetime = NOW, limit: int = 100
) -> SeenAccess:
    return accesses_of(conn, 1, reader, now, limit)


def day(number: int) -> int:
    return milliseconds(datetime(2026, 5, number, tzinfo=UTC))


def with_accesses(world: World) -> None:
    world.log.accessed(DOCTOR, accessedAt=day(1))
    world.log.accessed(
        DOCTOR, accessedAt=day(2), action="READ", documentIds=["1.1", "1.4", "1.5", "7.7"]
    )
    world.log.accessed(OTHER, accessedAt=day(3), action="READ", documentIds=["1.4"])
    world.log.accessed(OTHER, accessedAt=day(4), mode="SECRET", action="READ", documentIds=["1.5"])
    world.log.accessed(OTHER, accessedAt=day(5), mode="BREAK_GLASS", motive="unconscious")
    world.log.accessed(DOCTOR, accessedAt=day(6), outcome="REFUSED")
    world.project()


def said(access: SeenAccess) -> list[tuple[str, str, str, list[str]]]:
    return [
        (t.trace.actor_id, t.trace.mode, t.trace.action, [e.row.title for e in t.documents])
        for t in access.traces
    ]


def test_the_patient_sees_every_access_and_no_hidden_document(
    world: World, conn: psycopg.Connection[Any]
) -> None:
    with_accesses(world)
    access = seen(conn, PATIENT)
    assert said(access) == [
        (DOCTOR, "NORMAL", "LIST", []),
        (OTHER, "BREAK_GLASS", "LIST", []),
        (OTHER, "SECRET", "READ", ["no-rep"]),
        (OTHER, "NORMAL", "LIST", []),  # the one document it opened is hidden from him
        (DOCTOR, "NORMAL", "READ", ["plain", "no-rep"]),
        (DOCTOR, "NORMAL", "LIST", []),
    ]
    shown = str(as_json(access, "patient", NOW))
    assert "1.4" not in shown.replace("1.71.4", "")
    assert "7.7" not in shown, "a document that is not his"
    assert "unconscious" in shown
    assert access.traces[0].trace.outcome == "REFUSED"
    assert said(seen(conn, PATIENT, limit=2)) == said(access)[:2]


def test_a_representative_sees_no_secret_access_nor_what_it_would_betray(
    world: World, conn: psycopg.Connection[Any]
) -> None:
    with_accesses(world)
    expected = [
        (DOCTOR, "NORMAL", "LIST", []),
        (OTHER, "BREAK_GLASS", "LIST", []),
        (OTHER, "NORMAL", "LIST", []),
        (DOCTOR, "NORMAL", "READ", ["plain"]),
        (DOCTOR, "NORMAL", "LIST", []),
    ]
    access = seen(conn, REPRESENTATIVE)
    assert said(access) == expected
    assert as_json(access, "representative", NOW)["count"] == 5
    assert "SECRET" not in str(as_json(access, "representative", NOW))
    assert said(seen(conn, REPRESENTATIVE, limit=3)) == expected[:3], "the limit tells no count"


def test_a_representative_is_told_nothing_once_the_person_is_of_age_or_the_record_closed(
    world: World, conn: psycopg.Connection[Any]
) -> None:
    world.log.authorised(DOCTOR, datetime(2040, 1, 1, tzinfo=UTC))
    with_accesses(world)
    grown = datetime(2033, 3, 1, 12, tzinfo=UTC)
    for reader in (Reader(ReaderKind.PROFESSIONAL), Reader(ReaderKind.REGULATION)):
        assert not seen(conn, reader).traces
    assert seen(conn, REPRESENTATIVE).authorised
    nothing = seen(conn, REPRESENTATIVE, grown)
    assert (nothing.traces, nothing.authorised) == ([], [])
    assert len(seen(conn, PATIENT, grown).traces) == 6
    world.log.closed(1)
    world.project()
    assert not seen(conn, REPRESENTATIVE).traces
    assert len(seen(conn, PATIENT).traces) == 6


def test_accesses_to_a_wrong_identity_go_with_it(
    world: World, conn: psycopg.Connection[Any]
) -> None:
    """A record closed as an error of identity hides its own; the person's other one stays."""
    world.log.opened(2)
    world.log.accessed(OTHER, 2, accessedAt=day(7))
    world.log.linked(1, 2)
    with_accesses(world)
    assert len(seen(conn, REPRESENTATIVE).traces) == 6
    world.log.closed(2, "IDENTITY_ERROR")
    world.project()
    assert len(seen(conn, REPRESENTATIVE).traces) == 5
    assert len(seen(conn, PATIENT).traces) == 7


def test_who_may_read_is_told_until_it_ends(world: World, conn: psycopg.Connection[Any]) -> None:
    world.log.authorised(DOCTOR, JULY)
    world.log.authorised(CLINIC, JULY + timedelta(days=1))
    world.log.blocked(OTHER)
    world.log.designated(DOCTOR)
    world.log.emergency_opposed("REGULATION")
    world.project()
    access = seen(conn, PATIENT)
    assert [word.subject for word in access.authorised] == [CLINIC, DOCTOR]
    assert [word.subject for word in access.blocked] == [OTHER]
    assert access.attending is not None
    assert access.attending.subject == DOCTOR
    assert (access.break_glass_opposed, access.regulation_opposed) == (False, True)
    later = seen(conn, PATIENT, JULY)
    assert [word.subject for word in later.authorised] == [CLINIC]
    shown = as_json(access, "patient", NOW)
    assert shown["authorised"][1]["until"] == JULY
    assert shown["blocked"][0]["id"] == OTHER


def test_nobody_is_somebody_without_rights(conn: psycopg.Connection[Any], world: World) -> None:
    append_all(world.store, [])
    project(world.settings)
    empty = accesses_of(conn, 999, PATIENT, NOW, 10)
    assert (empty.traces, empty.authorised, empty.attending) == ([], [], None)


def test_a_patient_who_looked_is_not_shown_by_his_ins(
    world: World, conn: psycopg.Connection[Any]
) -> None:
    by = provenance()
    by["actor"] |= {"id": "1.2.250.1.213.1.4.10^279035121518989", "roleCode": "PATIENT"}
    world.log.accessed(DOCTOR, provenance=by)
    world.project()
    console = Console(record=True, width=200)
    print_accesses(console, accesses_of(conn, 1, PATIENT, NOW, 10))
    shown = console.export_text()
    assert "le patient" in shown
    assert "279035121518989" not in shown
