"""Times of a document that cannot be right are taken with a warning (SPEC c.2, TRAP 8 to TRAP
10).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.rules.document.plausibility import SOFT_RULES_OF_TIMES
from schemas.rules.table.rejections import REJECTIONS
from tests.samples.deposit import deposit, traits
from tests.schemas.rules.deposited import refusal, remarks

SENT = datetime(2024, 1, 4, 20, 26, tzinfo=UTC)


def codes(**changes: Any) -> list[str]:
    datum = deposit(**changes)
    assert refusal(datum) is None, "never refused"
    return [code for code, _ in remarks(datum)]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"serviceStartTime": "20240105000100+0100"}, "act_after_document"),
        ({"serviceStartTime": "2025"}, "act_after_document"),
        ({"serviceStopTime": "20240104145900+0100"}, "act_ends_before_start"),
        ({"serviceStopTime": "20240104170000+0400"}, "act_ends_before_start"),  # 13:00 UTC
        ({"serviceStopTime": "20240103"}, "act_ends_before_start"),
        ({"serviceStartTime": "1978"}, "act_before_birth"),
        ({"legalAuthenticationTime": "20240103235900+0100"}, "signed_before_created"),
        ({"creationTime": "20240106000000+0100"}, "document_in_future"),
        ({"creationTime": "20240104160527"}, "time_offset_missing"),
        ({"creationTime": "20240104160527+100"}, "time_offset_malformed"),
        ({"serviceStartTime": "20240104+0100"}, "time_offset_malformed"),
    ],
)
def test_what_cannot_be_warns(changes: dict[str, Any], code: str) -> None:
    assert code in codes(**changes)
    assert REJECTIONS[code].severity == "warn"


@pytest.mark.parametrize(
    "changes",
    [
        {"serviceStartTime": "20240104235900+0100", "serviceStopTime": None},  # later that day
        {"serviceStartTime": "2024"},
        {"serviceStartTime": "202401", "serviceStopTime": None},
        {"serviceStartTime": "20240104"},
        {"serviceStopTime": "20240104180000+0400"},  # the same moment in Réunion
        {"serviceStopTime": None},
        {"legalAuthenticationTime": "20240104080000+0100"},
        {"legalAuthenticationTime": None},
        {"creationTime": "20240105230000+1100", "legalAuthenticationTime": None},
        {"creationTime": "202401041605+0100"},
        {"sourcePatientInfo": None},
        {"sourcePatientInfo": traits(birthDate="2024")},  # born in the year of the document
        {"sourcePatientInfo": traits(birthDate="20240104")},
    ],
)
def test_what_can_be_passes(changes: dict[str, Any]) -> None:
    assert codes(**changes) == []


def test_a_document_and_an_act_before_birth_are_told_apart() -> None:
    born_later = traits(birthDate="20240301")
    assert codes(sourcePatientInfo=born_later) == ["act_before_birth", "document_before_birth"]
    # A historical act with a document made today says nothing about the document.
    told = codes(serviceStartTime="19780101", serviceStopTime=None)
    assert told == ["act_before_birth"]


days = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28))  # noqa: DTZ001  # a clock
offsets = st.sampled_from(["+0100", "-0400", "+1100", "", "+100"])
literals = st.builds(
    lambda day, length, offset: (
        f"{day.year:04}{day:%m%d%H%M%S}"[:length] + (offset if length > 8 else "")
    ),
    days,
    st.sampled_from([4, 6, 8, 12, 14]),
    offsets,
)


@given(literals, literals, st.none() | literals, st.none() | literals, st.integers())
def test_no_times_upset_a_rule(
    created: str, start: str, stop: str | None, signed: str | None, sent: int
) -> None:
    datum = deposit(
        creationTime=created,
        serviceStartTime=start,
        serviceStopTime=stop,
        legalAuthenticationTime=signed,
    )
    datum["provenance"]["occurredAt"] = max(-(1 << 63), min(sent, (1 << 63) - 1))
    if refusal(datum) is None:
        for rule in SOFT_RULES_OF_TIMES:
            broken = rule(datum)
            assert broken is None or broken.rule.severity == "warn"


@given(st.integers(-400, 400))
def test_the_future_begins_on_the_day_after_the_next(days_ahead: int) -> None:
    day = SENT.timestamp() + days_ahead * 86_400
    created = f"{datetime.fromtimestamp(day, UTC):%Y%m%d%H%M%S}+0000"
    assert ("document_in_future" in codes(creationTime=created)) == (days_ahead > 1)


@pytest.mark.parametrize("sent", [-(1 << 63), (1 << 63) - 1, 0])
def test_a_clock_that_is_far_off_is_no_reason_to_fail(sent: int) -> None:
    datum = deposit()
    datum["provenance"]["occurredAt"] = sent
    told = [code for code, _ in remarks(datum)]
    assert told == (["document_in_future"] if sent == 0 else told)
