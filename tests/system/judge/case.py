"""The evidence of a run, indexed for those who judge it."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from tests.system.judge.evidence import Answered, Evidence, Fed, Letter, Place, Stored
from tests.system.judge.reference import Decided, Reference, stream_of


class Case:
    """The evidence with its indexes."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence

    @cached_property
    def fed(self) -> dict[Place, Fed]:
        return {fed.place: fed for fed in self.evidence.fed}

    @cached_property
    def answers(self) -> dict[Place, dict[int, Answered]]:
        """Outcomes by place and attempt; repetitions are judged elsewhere."""
        found: dict[Place, dict[int, Answered]] = defaultdict(dict)
        for answer in self.evidence.answered:
            found[answer.place].setdefault(answer.attempt, answer)
        return found

    @cached_property
    def letters(self) -> dict[Place, list[Letter]]:
        found: dict[Place, list[Letter]] = defaultdict(list)
        for letter in self.evidence.letters:
            found[letter.place].append(letter)
        return found

    @cached_property
    def events_of(self) -> dict[str, list[Stored]]:
        """Events by message."""
        found: dict[str, list[Stored]] = defaultdict(list)
        for event in self.evidence.stored:
            if event.message_id is not None:
                found[event.message_id].append(event)
        return found

    @cached_property
    def submitted(self) -> dict[str, list[Stored]]:
        """First events of documents by stream."""
        found: dict[str, list[Stored]] = defaultdict(list)
        for event in self.evidence.stored:
            if event.name == "document_submitted":
                found[event.stream].append(event)
        return found

    @cached_property
    def deposited(self) -> dict[str, Place]:
        """Where the accepted deposit of each document lies, by stream."""
        found: dict[str, Place] = {}
        for place, fed in sorted(self.fed.items()):
            accepted = place in self.answers and self.last(place).status == "ACCEPTED"
            if accepted and fed.schema == "DepositDocument" and fed.datum is not None:
                found.setdefault(stream_of(fed.datum["document"]["uniqueId"]), place)
        return found

    @cached_property
    def reference(self) -> Reference:
        return Reference(
            Decided(self.fed[place], self.last(place).status)
            for place in self.answers
            if place in self.fed
        )

    def last(self, place: Place) -> Answered:
        """The final outcome of a record."""
        attempts = self.answers[place]
        return attempts[max(attempts)]
