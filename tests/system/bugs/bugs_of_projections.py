"""Bugs planted into the way from the log to timelines, notifications and figures."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

from tests.system.bugs.planting import apart, module


def checkpoint_first() -> None:
    """The checkpoint of a projection is committed before its rows."""
    runner = module("projections.live.runner")
    original = runner.advance
    runner.hold_live = _live_number
    runner.advance = lambda cursor, *arguments: apart(
        cursor, lambda other: original(other, *arguments)
    )


def pages_skip() -> None:
    """Each page begins one position too late."""
    subscription = module("projections.live.subscription").Subscription
    original = subscription.read_after
    subscription.read_after = lambda self, position, limit: original(self, position + 1, limit)


def flags_forgotten() -> None:
    """The timeline takes no notice of masks set or lifted later."""
    changes = module("projections.timeline.document_events").OF_DOCUMENTS
    changes["document_visibility_changed"] = lambda row, event: None


def masks_for_one_reader() -> None:
    """Only the patient's own view looks at the flags."""
    policy = module("schemas.policy.may_see")
    professional = policy._Standing.PROFESSIONAL
    right = policy._RIGHTS[professional]
    free = policy._Right(policy.DocumentFlags(0), right.statuses)
    policy._RIGHTS = {**policy._RIGHTS, professional: free}


def replaced_ones_kept() -> None:
    """A replaced document stays on the timeline beside the new one."""
    policy = module("schemas.policy.may_see")
    also = policy.DocumentStatus.DEPRECATED
    policy._RIGHTS = {
        standing: policy._Right(right.hidden_by, right.statuses | {also}, right.closed_too)
        for standing, right in policy._RIGHTS.items()
    }


def digits_sorted() -> None:
    """Acts are sorted by their digits, whatever their offset from UTC."""
    events = module("projections.timeline.document_events")

    def act_key(literal: str, recorded_at: Any) -> int:
        return int(literal.partition("+")[0].partition("-")[0].ljust(14, "0")[:14])

    events._act_key = act_key


def links_move_documents() -> None:
    """A link gives the documents of both records to the lower one; there is no way back."""
    live = module("projections.timeline.live")

    def moved(cursor: Any, tables: Any, log: Any, records: set[int], upto: int) -> set[int]:
        persons: dict[int, list[int]] = defaultdict(list)
        for record, person in tables.persons.persons(cursor, records).items():
            persons[person].append(record)
        for person, members in persons.items():
            query = f"update {tables.document} set record = %s where record = any(%s)"
            cursor.execute(query.encode(), (person, members))
        return set()

    live._fold_again = moved


def notified_at_each_show() -> None:
    """The patient is told at every show; nor do the tables refuse it."""
    rule = module("projections.notifications.rule")
    tables = module("projections.notifications.tables").NotificationTables
    write_due, announce = tables.write_due, rule.PersonRule._announce

    def forgetful(self: Any, candidate: Any, event: Any) -> None:
        before, self.announced = self.announced, set()
        announce(self, candidate, event)
        self.announced = before | self.announced

    def unhindered(self: Any, cursor: Any, triggers: Any) -> None:
        names = cursor.execute(
            "select conname from pg_constraint where conrelid = %s::regclass and contype = 'u'",
            (self.outbox,),
        ).fetchall()
        for (name,) in names:
            cursor.execute(f'alter table {self.outbox} drop constraint "{name}"'.encode())
        write_due(self, cursor, triggers)

    def write_keys(self: Any, cursor: Any, keys: Any) -> None:
        return None

    def by_position(self: Any) -> Any:
        return uuid5(NAMESPACE_OID, str(self.position))

    rule.PersonRule._announce, tables.write_due = forgetful, unhindered
    tables.write_keys = write_keys
    rule.Trigger.notification_id = property(by_position)


def notified_of_same_content() -> None:
    """A replacement that changes flags only is announced as a new document."""
    live, rule = module("projections.notifications.live"), module("projections.notifications.rule")
    assert live.PersonRule is rule.PersonRule
    original = rule.new_candidate

    def as_new(event: Any) -> Any:
        candidate = original(event)
        candidate.visibility_only = False
        return candidate

    rule.new_candidate = as_new


def notified_by_replay() -> None:
    """Notifications may be replayed like any projection, with new ids."""
    live, rule = module("projections.notifications.live"), module("projections.notifications.rule")
    comparison = module("projections.projection").Comparison
    live.Notifications.rebuildable = True
    live.Notifications.compare = lambda *arguments: comparison(0, 0, [])
    rule.Trigger.notification_id = property(lambda self: uuid4())


def counted_twice() -> None:
    """The figures count a batch twice."""
    tables = module("projections.statistics.tables").StatisticsTables
    original = tables.add_to_cells

    def twice(self: Any, cursor: Any, deltas: Any) -> None:
        original(self, cursor, deltas)
        original(self, cursor, deltas)

    tables.add_to_cells = twice


def _live_number(cursor: Any, projection: str) -> int:
    query = "select build from projection.live where projection = %s"
    return int(cursor.execute(query, (projection,)).fetchone()[0])
