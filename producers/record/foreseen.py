"""Whether ingestion would reject a message on a record, whatever the record is like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.runtime.console import CommandError
from producers.outcomes.explained import rule_and_place
from schemas.feed.messages import Ins
from schemas.forms.identity import Environment, accepted_oids
from schemas.rules.of_messages import RULES_OF, ins_accepted, provenance_complete, qualified
from schemas.rules.table.rejections import Rejection


def foreseen_rejection(
    schema: str, datum: Mapping[str, Any], environment: Environment
) -> Rejection | None:
    """The first rule that the message itself breaks; None when it breaks none."""
    ins: Ins = datum["ins"]
    return (
        ins_accepted(ins["oid"], ins["matricule"], accepted_oids(environment), "ins.")
        or qualified(schema, ins)
        or provenance_complete(datum["provenance"])
        or RULES_OF[schema](datum)
    )


def would_be_rejected(rejection: Rejection) -> CommandError:
    """Ends the command before anything is sent: which rule, in words, with its repair."""
    rule = rejection.rule
    place = rule_and_place(rule.rule_id, rejection.code, rejection.path)
    return CommandError(f"{place}: {rule.english}", rule.repair)
