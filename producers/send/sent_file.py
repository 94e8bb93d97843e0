"""One file of a call: where its message is on the feed, why it was refused, what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from producers.cda.refused import Refused
from producers.outcomes.explained import ExplainedOutcome, rule_and_place, with_repair
from schemas.feed.messages import DOCUMENTS
from schemas.rules.table.rejections import REJECTIONS, RULES_PAGE

_QUEUE_FULL: Final = (
    "The queue is full: send what waits with `histoire send --flush`, then this file again.",
    "La file d'attente est pleine : envoyez d'abord ce qui attend, puis ce fichier.",
)


@dataclass(slots=True)
class SentFile:
    """A file on its way to the feed.

    `before`: the message that sent this document earlier from this queue. `remarks`: how many the
    reader of the CDA made. `refusal`: the file was not sent, or the feed refused its message.
    `outcome`: its last outcome. `rules_page`: the page that explains the rules.
    """

    file: Path
    message_id: UUID | None = None
    before: UUID | None = None
    remarks: int = 0
    partition: int | None = None
    offset: int | None = None
    refusal: Refused | None = None
    outcome: ExplainedOutcome | None = None
    rules_page: str = RULES_PAGE

    @property
    def state(self) -> str:
        """`refused`, `queued`, `acknowledged`, or the status of the outcome in lower case."""
        if self.refusal is not None:
            return "refused"
        if self.outcome is not None:
            return self.outcome.outcome["status"].lower()
        return "queued" if self.offset is None else "acknowledged"

    def as_json(self) -> dict[str, Any]:
        """One object for `--json`."""
        explained = self.outcome
        return {
            "file": str(self.file),
            "state": self.state,
            "messageId": self.message_id and str(self.message_id),
            "sentBefore": self.before and str(self.before),
            "topic": None if self.offset is None else DOCUMENTS,
            "partition": self.partition,
            "offset": self.offset,
            **(self._of_outcome() if self.refusal is None else self._of_refusal(self.refusal)),
            "warnings": [with_repair(warning) for warning in explained.warnings]
            if explained
            else [],
            "remarks": self.remarks,
        }

    def lines(self) -> list[str]:
        """Lines for a person: which rule is broken, in words, with the repair and the link."""
        if self.refusal is None:
            return self.outcome.lines() if self.outcome is not None else []
        facts = self._of_refusal(self.refusal)
        code, rule_id = facts["code"], facts["ruleId"]
        return [
            rule_and_place(rule_id, code, facts["path"]) if rule_id else code,
            f"{facts['english']} {facts['repair']}".strip(),
            facts["french"],
            *filter(None, [facts["documentation"]]),
        ]

    def _of_refusal(self, refusal: Refused) -> dict[str, Any]:
        rule = REJECTIONS.get(refusal.code)
        explained = self.outcome
        return {
            "code": refusal.code,
            "ruleId": rule.rule_id if rule else explained and explained.outcome["ruleId"],
            "path": refusal.path,
            "english": refusal.english,
            "french": refusal.french,
            "repair": refusal.repair,
            "documentation": rule.link(self.rules_page)
            if rule
            else explained and explained.documentation,
        }

    def _of_outcome(self) -> dict[str, Any]:
        explained = self.outcome
        return {
            "code": explained and explained.outcome["code"],
            "ruleId": explained and explained.outcome["ruleId"],
            "path": explained and explained.outcome["path"],
            "english": explained and explained.english,
            "french": explained and explained.french,
            "repair": explained and explained.repair,
            "documentation": explained and explained.documentation,
        }


def queue_is_full() -> Refused:
    """The refusal of what the durable queue has no room for."""
    return Refused("queue_full", *_QUEUE_FULL)


def refused_by_feed(code: str) -> Refused:
    """The refusal of a message that the feed did not take."""
    return Refused(
        code, f"The feed refuses the message: {code}.", f"Le flux refuse le message : {code}."
    )
