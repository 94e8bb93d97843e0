"""The page of documentation of the rules, made of the table: `python -m schemas.rules.table.page`.

`docs/rules.md` is its output; a test keeps both equal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Final

from .rejections import REJECTIONS, RejectionRule
from .sources import citations, headings

FAMILIES: Final = {
    "FEED": "The message",
    "INS": "The person",
    "DOC": "The document",
    "AUT": "Authors and organisations",
    "MET": "Metadata",
    "LOT": "The submission set",
    "LIFE": "The life cycle",
    "REC": "The record",
    "ACC": "Access",
    "REG": "Reference of software",
    "HL7": "HL7 v2",
}
"""What the rules of a family are about, by the beginning of their ids; in the order of the page."""

_HEAD: Final = """\
# Rules

What a message must keep to, and what its outcome says when it does not. This page is made
of `schemas/valuesets/rejections.tsv` by `python -m schemas.rules.table.page > docs/rules.md`.

Outcomes name a rule by its id and its code, which never change, and link here. **reject**: the
message is rejected and lies in the dead letters. **warn**: the message is accepted, and its outcome
carries the warning. Where the severity is *changeable*, the French texts leave it open, and an
installation sets it: `HISTOIRE_RULE_SEVERITIES=RULE=reject,RULE=warn,RULE=off`; `histoire rules`
shows what holds.
HL7: code of table 0533 in an ACK. *Order between topics*: no order holds between the topics of the
feed, and the order in which two of them are read may change this outcome ([decision
0002](decisions/0002-topics-and-keys.md)); the message may pass later.

Sources lead to [the domain](domain/README.md): SPEC are facts of the French texts, TRAP ways in
which software goes wrong with them; and to [the decisions](decisions/README.md) of this system.
"""


def family_of(rule: RejectionRule) -> str:
    """The beginning of its id: `DOC` of `DOC-08`."""
    return rule.rule_id.partition("-")[0]


def in_order(rules: Iterable[RejectionRule]) -> list[RejectionRule]:
    """By family, then by number."""
    families = list(FAMILIES)
    return sorted(
        rules,
        key=lambda rule: (families.index(family_of(rule)), int(rule.rule_id.partition("-")[2])),
    )


def page(rules: Iterable[RejectionRule] = REJECTIONS.values()) -> str:
    """The page, as Markdown: one heading with an anchor, the rule's id, for each rule."""
    return "\n".join(_lines(in_order(rules)))


def _lines(rules: list[RejectionRule]) -> Iterator[str]:
    yield _HEAD
    places = headings()
    for family, members in groupby(rules, family_of):
        of_family = list(members)
        yield f"## {FAMILIES[family]}\n"
        yield "| rule | code | severity | checks |"
        yield "| --- | --- | --- | --- |"
        for rule in of_family:
            cells = (f"[{rule.rule_id}](#{rule.rule_id})", f"`{rule.code}`", severity_of(rule))
            yield f"| {' | '.join(cells)} | {escaped(rule.checks)} |"
        yield ""
        for rule in of_family:
            yield from _section(rule, places)


def severity_of(rule: RejectionRule) -> str:
    """The severity in words: `reject`, or `warn, changeable`."""
    return rule.severity + (", changeable" if rule.changeable else "")


def _section(rule: RejectionRule, places: Mapping[str, str]) -> Iterator[str]:
    yield f'### <a id="{rule.rule_id}"></a>{rule.rule_id}: `{rule.code}`\n'
    yield f"{escaped(rule.checks)}\n"
    yield f"- **Severity**: {severity_of(rule)}"
    yield f"- **HL7 code**: {rule.hl7}"
    later = "yes, without being sent again" if rule.retryable else "no"
    yield f"- **May pass later**: {later}"
    if rule.topic_order:
        yield "- **Order between topics**: may change this outcome"
    yield f"- **En français**: {escaped(rule.french)}"
    yield f"- **In English**: {escaped(rule.english)}"
    yield f"- **Repair**: {escaped(rule.repair)}"
    yield f"- **Source**: {linked(rule.source, places)}"
    yield f"- **Example that breaks it**: {escaped(rule.example)}\n"


def escaped(text: str) -> str:
    """The text as it is: what Markdown would read as its own signs is escaped."""
    for sign in "\\`*_<>[]|":
        text = text.replace(sign, "\\" + sign)
    return text


def linked(source: str, places: Mapping[str, str]) -> str:
    """A source whose citations are links, as a page in `docs` writes them; all else is escaped.

    `places`: the heading of each key, as `headings` gives them. Raises KeyError for a citation
    that has none.
    """
    parts, end = list[str](), 0
    for citation in citations(source):
        words = source[citation.start : citation.end]
        target = places[citation.key].removeprefix("docs/")
        parts += (escaped(source[end : citation.start]), f"[{words}]({target})")
        end = citation.end
    return "".join((*parts, escaped(source[end:])))


if __name__ == "__main__":
    sys.stdout.write(page())
