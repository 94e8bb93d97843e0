"""The patient is told of each break-glass, once; of no other access, and nobody else is."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from projections.events import events_of_records
from projections.notifications.live import Notifications
from projections.notifications.rule import EMERGENCY, PersonRule, Trigger
from projections.notifications.tables import NotificationTables
from tests.projections.builds import apply_in_batches, fresh_build
from tests.projections.given import Log

DR_A = "1.2.250.1.71.4.2.1^899700000001"
BROKEN: dict[str, Any] = {"mode": "BREAK_GLASS", "motive": "Personne inconsciente"}


def triggers(log: Log) -> list[Trigger]:
    rule = PersonRule(1)
    for event in events_of_records(log.events):
        rule.apply(event)
    return rule.triggers


def test_each_break_glass_is_news_of_its_own() -> None:
    log = Log()
    log.opened()
    log.accessed(DR_A, **BROKEN)
    log.accessed(DR_A, **BROKEN)
    told = triggers(log)
    assert [(t.rule, t.position, t.type_code) for t in told] == [
        (EMERGENCY, event.position, "") for event in log.events[1:]
    ]
    assert len({t.notification_id for t in told}) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"mode": "REGULATION"},
        {"mode": "SECRET"},
        {**BROKEN, "outcome": "REFUSED"},
    ],
)
def test_other_accesses_are_not(changes: dict[str, Any]) -> None:
    log = Log()
    log.accessed(DR_A, **changes)
    assert triggers(log) == []


def test_the_same_event_again_tells_nobody_again() -> None:
    log = Log()
    log.accessed(DR_A, **BROKEN)
    rule = PersonRule(1)
    for event in events_of_records(log.events * 2):
        rule.apply(event)
    assert len(rule.triggers) == 1


def due(conn: psycopg.Connection[Any], build: int) -> list[tuple[Any, ...]]:
    return conn.execute(
        "select rule, rule_version, audience, type_code, position"
        f" from {NotificationTables(build).outbox} order by position"
    ).fetchall()


def test_it_stands_in_the_outbox_once_for_the_patient_alone(
    connection: psycopg.Connection[Any],
) -> None:
    log = Log()
    log.submitted("1.1")
    log.accessed(DR_A, **BROKEN)
    with fresh_build(connection, Notifications()) as build:
        apply_in_batches(connection, Notifications(), build, log.events, [1], twice=True)
        rows = due(connection, build)
    assert [row[:4] for row in rows] == [
        ("document_visible", 1, "PATIENT", "11502-2"),
        (EMERGENCY, 1, "PATIENT", ""),
    ]


def test_tables_made_before_the_rule_announce_from_now_on_only(
    connection: psycopg.Connection[Any],
) -> None:
    log = Log()
    for _ in range(3):
        log.accessed(DR_A, **BROKEN)
    positions = [event.position for event in log.events]
    with fresh_build(connection, Notifications()) as build:
        connection.execute(
            f"delete from {NotificationTables(build).rule} where rule = '{EMERGENCY}'"
        )
        apply_in_batches(connection, Notifications(), build, log.events[1:], [1])
        assert [row[4] for row in due(connection, build)] == positions[1:]
        after = connection.execute(
            f"select applies_after from {NotificationTables(build).rule} where rule = '{EMERGENCY}'"
        ).fetchall()
    assert after == [(positions[1] - 1,)]
