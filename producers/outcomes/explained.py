"""An outcome with its sentences: what became of a message, why, and what is to be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from schemas.feed.outcomes import BrokenRule, Outcome
from schemas.rules.table.rejections import REJECTIONS, RULES_PAGE

_OF_STATUS: Final[Mapping[str, tuple[str, str]]] = {
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


@dataclass(frozen=True, slots=True)
class ExplainedOutcome:
    """One outcome with its sentences. `repair` is empty when nothing is to be done.

    `documentation`: the link to the rule that rejected the message; None unless it was rejected.
    """

    outcome: Outcome
    english: str
    french: str
    repair: str
    documentation: str | None = None

    @property
    def message_id(self) -> str | None:
        """The UUID of the message; None when ingestion could not read it."""
        found = self.outcome["messageId"]
        return None if found is None else str(UUID(bytes=found))

    @property
    def is_good(self) -> bool:
        """Whether what the sender wanted holds now."""
        return self.outcome["status"] != "REJECTED"

    @property
    def warnings(self) -> list[BrokenRule]:
        """The rules that the message breaks and that did not reject it."""
        return self.outcome["warnings"]

    def as_json(self) -> dict[str, Any]:
        """One object for `--json`."""
        return {
            **self.outcome,
            "messageId": self.message_id,
            "english": self.english,
            "french": self.french,
            "documentation": self.documentation,
            "repair": self.repair,
            "warnings": [with_repair(warning) for warning in self.warnings],
        }

    def lines(self) -> list[str]:
        """Lines for a person: the broken rule and where, English and repair, French, the link.

        The lines of each warning follow in the same order.
        """
        outcome = self.outcome
        lines = [f"{self.english} {self.repair}".strip(), self.french]
        if outcome["code"] is not None:
            lines.insert(
                0, rule_and_place(outcome["ruleId"] or "?", outcome["code"], outcome["path"])
            )
        if self.documentation is not None:
            lines.append(self.documentation)
        for warning in self.warnings:
            rule = rule_and_place(warning["ruleId"], warning["code"], warning["path"])
            repair = with_repair(warning)["repair"]
            lines += [f"warning {rule}", f"{warning['english']} {repair}".strip()]
            lines += [warning["french"], warning["documentation"]]
        return lines


def explain(outcome: Outcome, rules_page: str = RULES_PAGE) -> ExplainedOutcome:
    """The outcome with its own sentences, else those of its status or code in our tables.

    An unknown code is named as it stands. `rules_page`: the page that explains the rules, for an
    outcome that brings no link.
    """
    code = outcome["code"]
    if outcome["status"] != "REJECTED" or code is None:
        english, french = _OF_STATUS.get(outcome["status"], ("Rejected.", "Refusé."))
        return ExplainedOutcome(outcome, english, french, repair="")
    rule = REJECTIONS.get(code)
    return ExplainedOutcome(
        outcome=outcome,
        english=outcome["english"] or (f"Rejected: {code}." if rule is None else rule.english),
        french=outcome["french"] or (f"Refusé : {code}." if rule is None else rule.french),
        repair="" if rule is None else rule.repair,
        documentation=outcome["documentation"] or (None if rule is None else rule.link(rules_page)),
    )


def rule_and_place(rule_id: str, code: str, path: str | None) -> str:
    """What a program or a person looks for: `DOC-08 time_malformed (document.creationTime)`."""
    return f"{rule_id} {code}" + (f" ({path})" if path else "")


def with_repair(broken: BrokenRule) -> dict[str, Any]:
    """The broken rule with its repair, which is empty for a code of a later version."""
    rule = REJECTIONS.get(broken["code"])
    return {**broken, "repair": "" if rule is None else rule.repair}
