"""Which profession may feed which type: the matrix as ingestion asks it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.facts.message import Interpreted
from ingest.read.interpret import Rejected, interpret
from schemas.policy.habilitation import COLUMNS, parse_matrix
from schemas.rules.profession import profession_may_feed
from tests.ingest.feed_messages import (
    ANNA,
    CONTEXT,
    OID,
    actor,
    deposit,
    feed_record,
    mask,
    partition_for,
    patient,
    provenance,
)

MATRIX = parse_matrix(
    "\t".join(COLUMNS)
    + "\n2020-01-01\t86\t11502-2\tfeed"
    + "\n2020-01-01\t10\t*\tread"
    + "\n2024-01-06\t10\t*\tread+feed"
)
SIX_JANUARY_IN_PARIS = datetime(2024, 1, 5, 23, tzinfo=UTC)


def at(moment: datetime, by: dict[str, Any]) -> dict[str, Any]:
    return {**provenance(by), "occurredAt": int(moment.timestamp() * 1000)}


def read(
    by: dict[str, Any],
    moment: datetime = SIX_JANUARY_IN_PARIS,
    matrix: Any = MATRIX,
    type_code: str = "11502-2",
) -> Interpreted | Rejected:
    message = deposit(1, typeCode=type_code, by=by)
    message[1]["provenance"] = at(moment, by)
    context = replace(CONTEXT, matrix=matrix)
    return interpret(feed_record(message), partition_for(message), context)


def refused(found: Interpreted | Rejected) -> bool:
    if isinstance(found, Interpreted):
        return False
    assert (found.rejection.code, found.rejection.path) == (
        "not_habilitated",
        "provenance.actor.roleCode",
    )
    return True


def test_a_profession_feeds_what_the_matrix_gives_it_on_that_day() -> None:
    assert not refused(read(actor(role="10")))
    eve = SIX_JANUARY_IN_PARIS.replace(hour=22, minute=59)
    assert refused(read(actor(role="10"), eve)), "that version began the next day in Paris"
    assert not refused(read(actor(role="86"), eve))
    assert refused(read(actor(role="21"))), "a profession that is not listed"


@pytest.mark.parametrize("role", ["10", "21", "86"])
def test_everybody_feeds_where_no_matrix_is_configured(role: str) -> None:
    assert not refused(read(actor(role=role), matrix=None))


@pytest.mark.parametrize(
    "by",
    [patient(), actor(role="AUTOMATE"), actor(role=None), actor(f"{OID}^{ANNA}", "REPRESENTANT")],
    ids=["patient", "machine", "system", "representative"],
)
def test_who_has_no_profession_is_not_asked_for_one(by: dict[str, Any]) -> None:
    assert not refused(read(by))


def test_other_messages_feed_nothing() -> None:
    message = mask(1, by=actor(role="21"))
    context = replace(CONTEXT, matrix=MATRIX)
    found = interpret(feed_record(message), partition_for(message), context)
    assert isinstance(found, Interpreted)


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_claimed_moment_has_an_answer(occurred_at: int) -> None:
    datum: Any = deposit(1)[1]
    datum["provenance"] = {**datum["provenance"], "occurredAt": occurred_at}
    found = profession_may_feed(datum, MATRIX)
    begun = occurred_at >= int(SIX_JANUARY_IN_PARIS.timestamp() * 1000)
    assert (found is None) is begun
