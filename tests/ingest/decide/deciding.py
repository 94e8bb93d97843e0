"""Given messages, when a message, then its answer and events: `decide` without any store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ingest.decide.decide import apply_decision, decide
from ingest.eventstore.append_batch import RecordRef
from ingest.facts.events.event import Event
from ingest.facts.heads import NO_HEAD, Installation
from ingest.facts.message import Interpreted
from ingest.facts.registry import NO_ENTRY
from ingest.facts.view import View
from ingest.read.interpret import interpret
from schemas.forms.stream_ids import document_stream
from schemas.heads import Head
from schemas.rules.table.rejections import Rejection
from tests.ingest.feed_messages import CONTEXT, feed_record, partition_for, unique_id

K = TypeVar("K")
V = TypeVar("V")


def author_hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


class Whole(dict[K, V]):
    """A table of all there is: what is not in it does not exist."""

    def __init__(self, nothing: V) -> None:
        super().__init__()
        self._nothing = nothing

    def __missing__(self, key: K) -> V:
        return self._nothing

    def __deepcopy__(self, memo: object) -> Whole[K, V]:
        copied = Whole[K, V](self._nothing)
        copied.update(self)
        return copied


def whole_view(**installed: Any) -> View:
    """A view of a world in which everything was read, and nothing is there so far."""
    return View(
        Installation(author_hash, **installed),
        documents=Whole(None),
        records=Whole(NO_HEAD),
        first_events=Whole(None),
        applied=Whole(None),
        waiting=Whole(()),
        successors=Whole(()),
        links=Whole(frozenset()),
        declared=Whole(None),
        access=Whole(()),
        entries=Whole(NO_ENTRY),
        referring=Whole(()),
        versions=Whole(()),
    )


@dataclass
class World:
    view: View = field(default_factory=whole_view)
    events: list[Event] = field(default_factory=list)

    def install(self, **changes: Any) -> None:
        """The installation is set up otherwise from now on."""
        self.view.installation = replace(self.view.installation, **changes)

    def read(self, message: tuple[str, dict[str, Any]]) -> Interpreted:
        found = interpret(feed_record(message), partition_for(message), CONTEXT)
        assert isinstance(found, Interpreted), found
        self.meet(found)
        return found

    def meet(self, message: Interpreted) -> None:
        """The INS of this message have records."""
        refs = self.view.refs
        for ins in message.inses:
            refs.setdefault(ins, RecordRef(len(refs) + 1, False))

    def when(self, message: tuple[str, dict[str, Any]]) -> tuple[str, list[str]]:
        """Status or code of the answer, and the names of the new events."""
        read = self.read(message)
        decision = decide(self.view, read)
        if isinstance(decision, Rejection):
            return decision.code, []
        apply_decision(self.view, read, decision)
        self.events.extend(decision.events)
        return decision.status, [event.name for event in decision.events]

    def datum(self, at: int = -1) -> Any:
        """The datum of an event, the last one unless told otherwise."""
        return self.events[at].datum

    def given(self, *messages: tuple[str, dict[str, Any]]) -> World:
        for message in messages:
            status, _ = self.when(message)
            assert status == "accepted", (message[0], status)
        return self

    def state(self, number: int) -> Head:
        found = self.view.document(document_stream(unique_id(number)))
        assert found is not None
        return found

    def record(self, matricule_ins: str) -> int:
        return self.view.record(self.view.refs[matricule_ins].record).flags

    def erase(self, matricule_ins: str) -> None:
        """As the store shows an erased record."""
        ref = self.view.refs[matricule_ins]
        self.view.refs[matricule_ins] = RecordRef(ref.record, True)
        for stream, first in list(self.view.first_events.items()):
            if first is not None and first.record == ref.record:
                self.view.first_events[stream] = first._replace(datum=None)
