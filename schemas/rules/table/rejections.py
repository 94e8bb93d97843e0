"""The table of rules: stable codes, each with a sentence in French and in English and a repair.

A rejection is a value, never an exception. Code, rule, path of the field and sentences travel in
the outcome. The rows stand in `valuesets/rejections.tsv`. HL7 codes are those of table 0533 (SPEC
d.4).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, Literal, cast

Severity = Literal["reject", "warn"]

RULES_PAGE: Final = "docs/rules.md"
"""The page of documentation made of the table, below the root of the project."""
REMARKS_PAGE: Final = "docs/remarks.md"
"""The page of documentation of remarks on a CDA, below the root of the project."""


@dataclass(frozen=True, slots=True)
class RejectionRule:
    """One rule.

    `retryable`: a message that the rule rejects may pass later without being sent again.
    `topic_order`: the order in which two topics are read may change the outcome (decision 0002).
    `severity`: the effect of breaking the rule. The installation may set another one where
    `changeable` is true. `checks`, `source`, `example`: for the page of documentation.
    """

    code: str
    rule_id: str
    hl7: int
    retryable: bool
    topic_order: bool
    french: str
    english: str
    repair: str
    severity: Severity
    changeable: bool
    checks: str
    source: str
    example: str

    def link(self, page: str) -> str:
        """Where `page`, the documentation of the rules, explains this one."""
        return f"{page}#{self.rule_id}"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A message is rejected. `path`: the dotted field concerned, None for the whole message."""

    code: str
    path: str | None = None

    @property
    def rule(self) -> RejectionRule:
        """The row of `REJECTIONS` that explains the rejection."""
        return REJECTIONS[self.code]


SoftRule = Callable[[Any], Rejection | None]
"""A rule on a message, given as a typed dict, whose breach rejects or warns."""


def _load() -> Mapping[str, RejectionRule]:
    text = resources.files("schemas.valuesets").joinpath("rejections.tsv").read_text("utf-8")
    rules = [
        RejectionRule(
            code=row["code"],
            rule_id=row["rule"],
            hl7=int(row["hl7"]),
            retryable={"yes": True, "no": False}[row["retryable"]],
            topic_order={"yes": True, "no": False}[row["topic_order"]],
            french=row["french"],
            english=row["english"],
            repair=row["repair"],
            severity=cast(Severity, row["severity"]),
            changeable={"yes": True, "no": False}[row["changeable"]],
            checks=row["checks"],
            source=row["source"],
            example=row["example"],
        )
        for row in csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    ]
    table = {rule.code: rule for rule in rules}
    if len(table) != len(rules) or len({rule.rule_id for rule in rules}) != len(rules):
        raise RuntimeError("rejections.tsv: codes and rule ids must be unique")
    return table


REJECTIONS: Final = _load()
"""All rules by code."""
