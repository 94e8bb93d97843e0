"""Reading the topic `outcomes`: what became of messages, as values and sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from ingest.feed import open_poller
from ingest.feed.types import Assignment, Partition, Poller
from ingest.runtime.settings import Settings
from schemas.codec.messages import Decoded, decode
from schemas.feed.messages import OUTCOMES
from schemas.feed.outcomes import BrokenRule, Outcome
from schemas.rules.table.rejections import REJECTIONS, RULES_PAGE

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
    """One outcome with its sentences. `repair` is empty when nothing is to be done.

    `documentation`: the link to the rule that refused it, None unless rejected.
    """

    outcome: Outcome
    english: str
    french: str
    repair: str
    documentation: str | None = None

    @property
    def message_id(self) -> str | None:
        """The UUID of the message, None when it could not be read."""
        found = self.outcome["messageId"]
        return None if found is None else str(UUID(bytes=found))

    @property
    def is_good(self) -> bool:
        """Whether what the sender wanted holds now."""
        return self.outcome["status"] != "REJECTED"

    @property
    def warnings(self) -> list[BrokenRule]:
        """The rules the message breaks without being refused for them."""
        return self.outcome["warnings"]

    def as_json(self) -> dict[str, Any]:
        """For `--json`: one object."""
        return {
            **self.outcome,
            "messageId": self.message_id,
            "english": self.english,
            "french": self.french,
            "documentation": self.documentation,
            "repair": self.repair,
            "warnings": [with_repair(warning) for warning in self.warnings],
        }

    def explained(self) -> list[str]:
        """Lines for a person: what broke which rule, in English, in French, the repair, the link;
        then the same of each warning.
        """
        said = self.outcome
        lines = [f"{self.english} {self.repair}".strip(), self.french]
        if said["code"] is not None:
            lines.insert(0, place_of_rule(said["ruleId"] or "?", said["code"], said["path"]))
        if self.documentation is not None:
            lines.append(self.documentation)
        for warning in self.warnings:
            place = place_of_rule(warning["ruleId"], warning["code"], warning["path"])
            repair = with_repair(warning)["repair"]
            lines += [f"warning {place}", f"{warning['english']} {repair}".strip()]
            lines += [warning["french"], warning["documentation"]]
        return lines


def place_of_rule(rule_id: str, code: str, path: str | None) -> str:
    """What a program or a person looks for: `DOC-08 time_malformed (document.creationTime)`."""
    return f"{rule_id} {code}" + (f" ({path})" if path else "")


def with_repair(broken: BrokenRule) -> dict[str, Any]:
    """The broken rule with what is to be done; nothing for a code of a later version."""
    rule = REJECTIONS.get(broken["code"])
    return {**broken, "repair": "" if rule is None else rule.repair}


def answer_of(outcome: Outcome, rules_page: str = RULES_PAGE) -> Answer:
    """The outcome with its sentences, those of its status, or those of its code here; unknown codes
    stay as they are. `rules_page`: where the rules are explained, for outcomes without a link.
    """
    code = outcome["code"]
    if outcome["status"] != "REJECTED" or code is None:
        english, french = _STATUS.get(outcome["status"], ("Rejected.", "Refusé."))
        return Answer(outcome, english, french, "")
    rule = REJECTIONS.get(code)
    link = outcome["documentation"] or (None if rule is None else rule.link(rules_page))
    return Answer(
        outcome,
        outcome["english"] or (f"Rejected: {code}." if rule is None else rule.english),
        outcome["french"] or (f"Refusé : {code}." if rule is None else rule.french),
        "" if rule is None else rule.repair,
        link,
    )


class AnswerReader:
    """Reads outcomes from the beginning of the topic, or only those to come. Close it."""

    def __init__(self, settings: Settings, *, client_id: str, from_end: bool) -> None:
        self._from_end = from_end
        self._rules_page = settings.rules_documentation_url
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
                    answers.append(answer_of(outcome, self._rules_page))
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
