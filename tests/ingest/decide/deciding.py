"""Given messages, when a message, then its answer and events: `decide` without any store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from ingest.decide.decide import apply_decision, decide
from ingest.eventstore.batch import RecordRef
from ingest.facts.view import DocumentState, Event, Known
from ingest.read.interpret import Interpreted, interpret
from schemas.forms.stream_ids import document_stream
from schemas.rules.table.rejections import Rejection
from tests.ingest.feed_messages import CONTEXT, feed_record, partition_for, unique_id


def author_hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


@dataclass
class World:
    known: Known = field(default_factory=lambda: Known(author_hash))
    events: list[Event] = field(default_factory=list)

    def read(self, message: tuple[str, dict[str, Any]]) -> Interpreted:
        found = interpret(feed_record(message), partition_for(message), CONTEXT)
        assert isinstance(found, Interpreted), found
        for ins in (found.ins, found.other_ins):
            if ins is not None and ins not in self.known.refs:
                self.known.refs[ins] = RecordRef(len(self.known.refs) + 1, False)
                self.known.access[len(self.known.refs)] = []
        return found

    def when(self, message: tuple[str, dict[str, Any]]) -> tuple[str, list[str]]:
        """Status or code of the answer, and the names of the new events."""
        read = self.read(message)
        decision = decide(self.known, read)
        if isinstance(decision, Rejection):
            return decision.code, []
        apply_decision(self.known, read, decision)
        self.events.extend(decision.events)
        return decision.status, [event.name for event in decision.events]

    def given(self, *messages: tuple[str, dict[str, Any]]) -> World:
        for message in messages:
            status, _ = self.when(message)
            assert status == "accepted", (message[0], status)
        return self

    def state(self, number: int) -> DocumentState:
        return self.known.documents[document_stream(unique_id(number))]

    def record(self, matricule_ins: str) -> int:
        return self.known.record_head(self.known.refs[matricule_ins].record).state

    def erase(self, matricule_ins: str) -> None:
        """As the store shows an erased record."""
        ref = self.known.refs[matricule_ins]
        self.known.refs[matricule_ins] = RecordRef(ref.record, True)
        for stream, first in list(self.known.submitted.items()):
            if first.record == ref.record:
                self.known.submitted[stream] = first._replace(datum=None)
