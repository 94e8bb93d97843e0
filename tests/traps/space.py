"""A health space in memory: real rules, real decisions, real folds; what is said and what is seen.

The store is a list of events, so a trap costs milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest.decide.decide import apply_decision, decide
from ingest.eventstore.append_batch import RecordedEvent
from ingest.facts.message import Interpreted
from ingest.read.interpret import interpret
from ingest.read.site import Context
from projections.events import events_of_records
from projections.notifications.rule import PersonRule
from projections.timeline.fold import PersonFold, fold_person
from projections.timeline.query import record_facts
from projections.timeline.row import TimelineRow
from schemas.codec.messages import encode
from schemas.events import SCHEMA_OF
from schemas.policy.may_see import WITHOUT_END, Reader, ReaderKind, RecordFacts, may_see
from schemas.rules.table.rejections import Rejection
from tests.ingest import feed_messages as feed
from tests.ingest.decide.deciding import World

Message = tuple[str, dict[str, Any]]
START = datetime(2026, 1, 1, tzinfo=UTC)
PATIENT = Reader(ReaderKind.PATIENT)
REPRESENTATIVE = Reader(ReaderKind.REPRESENTATIVE)
PROFESSIONAL = Reader(ReaderKind.PROFESSIONAL, authorised_until=WITHOUT_END)
AUTHOR = Reader(ReaderKind.PROFESSIONAL, frozenset({feed.DR_A}))


@dataclass
class Space:
    """Say messages to it; look at it as somebody."""

    context: Context = feed.CONTEXT
    world: World = field(default_factory=World)
    events: list[RecordedEvent] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def say(self, *messages: Message) -> list[str]:
        """The answer to each: status, or code of the rejection."""
        return [self._say(message) for message in messages]

    def _say(self, message: Message) -> str:
        view = self.world.view
        read = interpret(feed.feed_record(message), feed.partition_for(message), self.context)
        if not isinstance(read, Interpreted):
            return read.rejection.code
        self.world.meet(read)
        decision = decide(view, read)
        if isinstance(decision, Rejection):
            return decision.code
        apply_decision(view, read, decision)
        self.warnings += [warning.code for warning in (*read.warnings, *decision.warnings)]
        for event in decision.events:
            at = len(self.events) + 1
            state = encode(SCHEMA_OF[event.name], event.datum)
            self.events.append(
                RecordedEvent(
                    *(at, event.record, START + timedelta(seconds=at), event.stream, at),
                    *(event.name, 1, read.message_id, state),
                )
            )
        return decision.status

    def names(self) -> list[str]:
        return [event.name for event in self.events]

    def opened(self, matricule: str = feed.ANNA, oid: str = feed.OID) -> list[RecordedEvent]:
        """The events of the person of this INS."""
        ref = self.world.view.refs.get(f"{oid}|{matricule}")
        records = self.world.view.person(ref.record) if ref else frozenset[int]()
        return events_of_records(event for event in self.events if event.record in records)

    def fold(self, matricule: str = feed.ANNA, oid: str = feed.OID) -> PersonFold:
        return fold_person(self.opened(matricule, oid))

    def rows(
        self,
        reader: Reader = PATIENT,
        now: datetime = START,
        matricule: str = feed.ANNA,
        oid: str = feed.OID,
    ) -> list[TimelineRow]:
        """What this reader sees, newest act first."""
        state = self.fold(matricule, oid)
        facts = record_facts(state.records.values())
        found = []
        for row in state.rows.values():
            shown = row.facts(_authors(row.authors))
            if may_see(reader, facts.get(row.record, RecordFacts()), shown, now):
                found.append(row)
        return sorted(found, key=lambda row: (row.act_key, row.position), reverse=True)

    def sees(self, reader: Reader = PATIENT, **fields: Any) -> list[int]:
        """The numbers of the documents he sees, newest act first."""
        return [number_of(row) for row in self.rows(reader, **fields)]

    def row(self, number: int, matricule: str = feed.ANNA) -> TimelineRow:
        (found,) = (r for r in self.fold(matricule).rows.values() if number_of(r) == number)
        return found

    def told(self, matricule: str = feed.ANNA) -> list[str]:
        """The names of the events at which the patient is told of a document."""
        rule = PersonRule(1)
        for event in self.opened(matricule):
            rule.apply(event)
        return [self.events[trigger.position - 1].name for trigger in rule.triggers]

    def said(self, name: str) -> list[dict[str, Any]]:
        """What the events of this name say."""
        return [event.datum for event in events_of_records(self.events) if event.name == name]


def number_of(row: TimelineRow) -> int:
    return int(row.unique_id.rpartition(".")[2])


def _authors(text: str) -> frozenset[str]:
    import orjson

    authors: Iterable[dict[str, Any]] = orjson.loads(text)
    found = {author[name] for author in authors for name in ("id", "organisationId")}
    return frozenset(found - {None})
