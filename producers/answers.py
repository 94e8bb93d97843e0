"""Reading the topic `outcomes`: what became of messages, as values and sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from ingest.runtime.feed import open_poller
from ingest.runtime.feed.types import Assignment, Partition, Poller
from ingest.runtime.settings import Settings
from schemas.codec import Decoded, decode
from schemas.messages import OUTCOMES
from schemas.outcomes import Outcome
from schemas.rejections import REJECTIONS

_STATUS: Final[Mapping[str, tuple[str, str]]] = {
    "ACCEPTED": ("The message is in the record.", "Le message est dans le dossier."),
    "DUPLICATE": (
        "This was received before; nothing was changed.",
        "Déjà reçu ; rien n'a été modifié.",
    ),
    "UNCHANGED": (
        "Nothing had to be changed: it was already so.",
        "Rien à modifier : c'était déjà le cas.",
    ),
}
_POLL_RECORDS: Final = 2000
_POLL_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """One outcome with its sentences. `repair` is empty when nothing is to be done."""

    outcome: Outcome
    english: str
    french: str
    repair: str

    @property
    def message_id(self) -> str | None:
        """The UUID of the message, None when it could not be read."""
        found = self.outcome["messageId"]
        return None if found is None else str(UUID(bytes=found))

    @property
    def is_good(self) -> bool:
        """Whether what the sender wanted holds now."""
        return self.outcome["status"] != "REJECTED"

    def as_json(self) -> dict[str, Any]:
        """For `--json`: one object."""
        return {
            **self.outcome,
            "messageId": self.message_id,
            "english": self.english,
            "french": self.french,
            "repair": self.repair,
        }


def answer_of(outcome: Outcome) -> Answer:
    """The outcome with the sentences of its status or code; unknown codes stay as they are."""
    code = outcome["code"]
    if outcome["status"] != "REJECTED" or code is None:
        english, french = _STATUS.get(outcome["status"], ("Rejected.", "Refusé."))
        return Answer(outcome, english, french, "")
    rule = REJECTIONS.get(code)
    if rule is None:
        return Answer(outcome, f"Rejected: {code}.", f"Refusé : {code}.", "")
    return Answer(outcome, rule.english, rule.french, rule.repair)


class AnswerReader:
    """Reads outcomes from the beginning of the topic, or only those to come. Close it."""

    def __init__(self, settings: Settings, *, client_id: str, from_end: bool) -> None:
        self._from_end = from_end
        self._ends: dict[Partition, int] = {}
        self._next: dict[Partition, int] = {}
        self.unreadable = 0
        self._poller: Poller = open_poller(
            settings, [OUTCOMES], group=None, resume=self._resume, client_id=client_id
        )

    def read(self, timeout_seconds: float) -> list[Answer]:
        """The answers that came within that time, maybe none."""
        answers = []
        for polled in self._poller.poll(timeout_seconds, _POLL_RECORDS, _POLL_BYTES):
            self._next[polled.partition] = polled.next_offset
            for record in polled.records:
                outcome = _outcome(record.value)
                if outcome is None:
                    self.unreadable += 1
                else:
                    answers.append(answer_of(outcome))
        return answers

    @property
    def is_ready(self) -> bool:
        """Whether the places to read from are fixed: what is published later will be read."""
        return bool(self._ends)

    @property
    def at_end(self) -> bool:
        """Whether all that was on the topic at the start has been read."""
        return self.is_ready and all(self._next[p] >= end for p, end in self._ends.items())

    def close(self) -> None:
        """Release the feed."""
        self._poller.close()

    def _resume(self, assignments: Sequence[Assignment]) -> Mapping[Partition, int]:
        for assignment in assignments:
            start = assignment.log_end if self._from_end else assignment.log_start
            self._next.setdefault(assignment.partition, start)
            self._ends.setdefault(assignment.partition, assignment.log_end)
        return {
            assignment.partition: self._next[assignment.partition] for assignment in assignments
        }


def _outcome(value: bytes | None) -> Outcome | None:
    found = decode(value, expected="Outcome")
    return cast(Outcome, found.datum) if isinstance(found, Decoded) else None
