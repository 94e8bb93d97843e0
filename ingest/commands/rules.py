"""`histoire rules`: what messages are held to, and how strictly here."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from ingest.runtime.console import CommandError, Exit, out, print_json
from ingest.runtime.options import JsonLines
from ingest.runtime.settings import Settings
from schemas.rules.table.page import FAMILIES, family_of, in_order
from schemas.rules.table.rejections import REJECTIONS, RejectionRule
from schemas.rules.table.severities import Severities, find_rule, nearest_rule

_COLOURS = {"reject": "red", "warn": "yellow", "off": "dim"}


class Language(StrEnum):
    """A language the rules are told in."""

    FRENCH = "fr"
    ENGLISH = "en"


def register_rules(app: typer.Typer) -> None:
    """Add `rules` to `app`."""
    app.command("rules")(rules)


def rules(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[RULE]",
            show_default=False,
            help="A rule id (DOC-08), a code (time_malformed) or a family of rules (DOC).",
        ),
    ] = None,
    language: Annotated[
        Language | None,
        typer.Option("--lang", help="Sentences in this language. Default: list en, one rule both."),
    ] = None,
    as_json: JsonLines = False,
) -> None:
    """List the rules with the severity they have here, or explain one.

    Severities come from HISTOIRE_RULE_SEVERITIES where a rule is changeable, else from the table.
    Exit codes: 0 shown; 2 wrong settings; 6 there is no such rule.
    """
    settings = Settings.load()
    chosen = _chosen(name)
    page = settings.rules_documentation_url
    told = [explained(rule, settings.severities, page, language) for rule in chosen]
    if as_json:
        for facts in told:
            print_json(facts)
    elif name is not None and name.upper() not in FAMILIES:
        out().print(_card(told[0]))
    else:
        out().print(_table(told, language or Language.ENGLISH))


def _chosen(name: str | None) -> Sequence[RejectionRule]:
    if name is None:
        return in_order(REJECTIONS.values())
    if name.upper() in FAMILIES:
        return in_order(r for r in REJECTIONS.values() if family_of(r) == name.upper())
    rule = find_rule(name)
    if rule is None:
        near = nearest_rule(name)
        repair = f"Did you mean {near}?" if near else "`histoire rules` lists all."
        raise CommandError("there is no such rule", repair, Exit.NOT_FOUND)
    return [rule]


def explained(
    rule: RejectionRule, severities: Severities, page: str, language: Language | None = None
) -> dict[str, Any]:
    """All there is to say of a rule; only the sentence of `language`, if one is named."""
    facts = {
        "rule": rule.rule_id,
        "code": rule.code,
        "checks": rule.checks,
        "severity": severities.of(rule.code),
        "default": rule.severity,
        "changeable": rule.changeable,
        "hl7": rule.hl7,
        "retryable": rule.retryable,
        "french": rule.french,
        "english": rule.english,
        "repair": rule.repair,
        "source": rule.source,
        "example": rule.example,
        "documentation": rule.link(page),
    }
    if language is not None:
        del facts["french" if language is Language.ENGLISH else "english"]
    return facts


def _card(facts: dict[str, Any]) -> Table:
    table = Table(show_header=False, box=None)
    words = {True: "yes", False: "no"}
    for name, value in facts.items():
        table.add_row(name, Text(words[value] if isinstance(value, bool) else str(value)))
    return table


def _table(told: Sequence[dict[str, Any]], language: Language) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("rule", "severity"):
        table.add_column(title, no_wrap=True)
    for title in ("code", "sentence"):
        table.add_column(title, overflow="fold")
    sentence = "french" if language is Language.FRENCH else "english"
    for facts in told:
        severity = Text(facts["severity"], _COLOURS[facts["severity"]])
        if facts["changeable"]:
            severity.append(" *", "default")
        table.add_row(facts["rule"], severity, facts["code"], Text(facts[sentence]))
    table.caption = f"{len(told)} rule(s); * an installation may change it"
    return table
