"""When somebody is told: given a history, then these triggers; once for ever over any history."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.eventstore.append_batch import RecordedEvent
from projections.events import events_of_records
from projections.notifications.live import Notifications
from projections.notifications.rule import PersonRule
from projections.notifications.tables import NotificationTables
from schemas.forms.stream_ids import document_stream
from tests.projections.builds import apply_in_batches, fresh_build
from tests.projections.given import Log
from tests.projections.histories import histories

PERSISTENT = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def triggered(log: Log) -> list[tuple[str, int]]:
    """(uniqueId whose event triggered, position), for a person with these records."""
    rule = PersonRule(1)
    for event in events_of_records(log.events):
        rule.apply(event)
    names = {event.position: event for event in log.events}
    return [(names[t.position].stream.hex(), t.position) for t in rule.triggers]


def told(log: Log) -> list[str]:
    return [stream for stream, _ in triggered(log)]


def hexes(*uids: str) -> list[str]:
    return [document_stream(uid).hex() for uid in uids]


def test_a_visible_deposit_is_announced() -> None:
    log = Log()
    log.submitted("1.1")
    assert told(log) == hexes("1.1")


def test_a_hidden_result_is_announced_when_it_is_shown_and_never_again() -> None:
    log = Log()
    log.submitted("1.1", invisiblePatient=True)
    assert told(log) == []
    log.flag("1.1", "INVISIBLE_PATIENT", False)
    shown = len(log.events) * 2
    for on in (True, False, True, False):
        log.flag("1.1", "INVISIBLE_PATIENT", on)
    assert triggered(log) == [(hexes("1.1")[0], shown)]


@pytest.mark.parametrize("flag", ["MASQUE_PS", "INVISIBLE_REPRESENTANTS_LEGAUX"])
def test_other_flags_concern_others(flag: str) -> None:
    log = Log()
    log.submitted("1.1", invisiblePatient=True)
    log.flag("1.1", flag, True)
    log.flag("1.1", flag, False)
    assert told(log) == []


def test_a_replacement_that_only_changes_flags_is_the_same_news() -> None:
    log = Log()
    log.submitted("1.1")
    log.submitted("1.2", replaces="1.1", visibilityOnly=True, invisiblePatient=True)
    log.replaced("1.1", "1.2", visibility=True)
    log.submitted("1.3", replaces="1.2", visibilityOnly=True)
    log.replaced("1.2", "1.3", visibility=True)
    assert told(log) == hexes("1.1")


def test_unhiding_by_replacement_announces_once() -> None:
    log = Log()
    log.submitted("1.1", invisiblePatient=True)
    log.submitted("1.2", replaces="1.1", visibilityOnly=True)
    log.replaced("1.1", "1.2", visibility=True)
    log.flag("1.2", "INVISIBLE_PATIENT", True)
    log.flag("1.2", "INVISIBLE_PATIENT", False)
    assert told(log) == hexes("1.2")


def test_a_new_version_is_news() -> None:
    log = Log()
    log.submitted("1.1")
    log.submitted("1.2", replaces="1.1")
    log.replaced("1.1", "1.2")
    assert told(log) == hexes("1.1", "1.2")


@pytest.mark.parametrize("visibility_only", [False, True])
def test_a_target_that_comes_after_its_replacement_is_never_announced(
    visibility_only: bool,
) -> None:
    log = Log()
    log.submitted("1.2", replaces="1.1", visibilityOnly=visibility_only)
    log.submitted("1.1")
    log.replaced("1.1", "1.2", visibility=visibility_only)
    log.flag("1.2", "INVISIBLE_PATIENT", True)
    log.flag("1.2", "INVISIBLE_PATIENT", False)
    assert told(log) == hexes("1.2")


@pytest.mark.parametrize("type_code", ["E1762", "IMG-KOS"])
def test_technical_documents_are_no_news(type_code: str) -> None:
    log = Log()
    log.submitted("1.1", typeCode=type_code)
    assert told(log) == []


def test_what_was_deleted_or_replaced_while_hidden_is_no_news() -> None:
    log = Log()
    log.submitted("1.1", invisiblePatient=True)
    log.deleted("1.1")
    log.flag("1.1", "INVISIBLE_PATIENT", False)
    log.submitted("1.2", invisiblePatient=True)
    log.submitted("1.3", replaces="1.2", invisiblePatient=True)
    log.replaced("1.2", "1.3")
    log.flag("1.2", "INVISIBLE_PATIENT", False)
    assert told(log) == []


def test_nothing_is_announced_while_the_record_is_closed_but_after_it_is() -> None:
    log = Log()
    log.submitted("1.1", invisiblePatient=True)
    log.closed()
    log.flag("1.1", "INVISIBLE_PATIENT", False)
    assert told(log) == []
    log.opened(implicit=False)
    log.flag("1.1", "INVISIBLE_PATIENT", True)
    log.flag("1.1", "INVISIBLE_PATIENT", False)
    assert told(log) == hexes("1.1")


def test_the_historical_channel_is_news_too() -> None:
    log = Log()
    log.submitted("1.1", serviceStartTime="2009", creationTime="20090101")
    assert told(log) == hexes("1.1")


def outbox(conn: psycopg.Connection[Any], build: int) -> list[tuple[Any, ...]]:
    tables = NotificationTables(build)
    return conn.execute(
        "select notification_id, record, person, lineage, type_code, position, recorded_at"
        f" from {tables.outbox} order by position, lineage"
    ).fetchall()


@PERSISTENT
@given(
    events=histories(),
    sizes=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    twice=st.booleans(),
)
def test_once_for_ever_however_the_log_is_cut(
    connection: psycopg.Connection[Any],
    events: list[RecordedEvent],
    sizes: list[int],
    twice: bool,
) -> None:
    with (
        fresh_build(connection, Notifications()) as one,
        fresh_build(connection, Notifications()) as two,
    ):
        apply_in_batches(connection, Notifications(), one, events, [1])
        apply_in_batches(connection, Notifications(), two, events, sizes, twice=twice)
        told_one, told_two = outbox(connection, one), outbox(connection, two)
    assert told_one == told_two
    assert max(Counter(row[3] for row in told_one).values(), default=1) == 1


@PERSISTENT
@given(
    start_hidden=st.booleans(),
    toggles=st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12),
)
def test_a_run_of_hiding_and_showing_announces_exactly_once_if_it_was_ever_visible(
    start_hidden: bool, toggles: list[tuple[bool, bool]]
) -> None:
    """`toggles`: (by a replacement that only changes flags, hidden)."""
    log = Log()
    log.submitted("9.0", invisiblePatient=start_hidden)
    current, visible = 0, not start_hidden
    for by_replacement, hidden in toggles:
        if by_replacement:
            old, current = current, current + 1
            log.submitted(
                f"9.{current}",
                replaces=f"9.{old}",
                visibilityOnly=True,
                invisiblePatient=hidden,
            )
            log.replaced(f"9.{old}", f"9.{current}", visibility=True)
        else:
            log.flag(f"9.{current}", "INVISIBLE_PATIENT", hidden)
        visible = visible or not hidden
    assert len(triggered(log)) == int(visible)
