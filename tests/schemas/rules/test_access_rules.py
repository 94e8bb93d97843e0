"""What messages about access must say, and how long an authorisation lasts (SPEC d.5, h)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.policy.access_term import MILLISECONDS_MAX, default_until
from schemas.rules.of_messages import RULES_OF
from schemas.rules.table.rejections import REJECTIONS

PARIS = ZoneInfo("Europe/Paris")
PERSON = "1.2.250.1.71.4.2.1^801234567897"
ORGANISATION = "1.2.250.1.71.4.2.2^1750100125"
SAID_AT = 1_700_000_000_000


def datum(**fields: Any) -> dict[str, Any]:
    return {
        "provenance": {"occurredAt": SAID_AT},
        "ins": {"status": "QUALIFIEE"},
        "professionalId": PERSON,
        "professionalName": None,
        "until": None,
        "reason": None,
        "mode": "NORMAL",
        "motive": None,
        "documentIds": [],
        "accessedAt": SAID_AT,
        **fields,
    }


def code(name: str, **fields: Any) -> str | None:
    found = RULES_OF[name](datum(**fields))
    assert found is None or found.code in REJECTIONS
    return None if found is None else found.code


HOLDERS = ("AuthoriseAccess", "WithdrawAccess", "BlockProfessional", "UnblockProfessional")
PHYSICIANS = ("DesignateAttendingPhysician", "EndAttendingPhysician")


@pytest.mark.parametrize("name", HOLDERS + PHYSICIANS)
@pytest.mark.parametrize(
    "holder",
    [
        *("", "801234567897", "Dr Durand", "1.2.250.1.71.4.2.1", "1.2.250.1.71.4.2.1^"),
        *("1.2.250.1.213.1.4.10^279035121518989", "1.2.250.1.71.4.2.1^8123", "1.2.250.1.999.7.1"),
        *("1.2.250.1.71.4.2.2^801234567897", "1.2.250.1.71.4.2.2^112", "a^b^c"),
    ],
)
def test_holders_are_named_by_their_national_identifier(name: str, holder: str) -> None:
    assert code(name, professionalId=holder) == "holder_malformed"


def test_organisations_hold_access_and_are_no_attending_physician() -> None:
    assert {code(name, professionalId=ORGANISATION) for name in HOLDERS} == {None}
    assert {code(name, professionalId=ORGANISATION) for name in PHYSICIANS} == {"holder_malformed"}
    assert {code(name) for name in HOLDERS + PHYSICIANS} == {None}


def test_only_what_gives_access_needs_a_qualified_identity() -> None:
    validated = {"status": "VALIDEE"}
    refused = {name for name in HOLDERS + PHYSICIANS if code(name, ins=validated)}
    assert refused == {"AuthoriseAccess", "DesignateAttendingPhysician"}
    assert code("AuthoriseAccess", ins=validated) == "identity_not_qualified"


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        *((None, None), (SAID_AT + 1, None), (MILLISECONDS_MAX, None)),
        *((SAID_AT, "access_time_wrong"), (0, "access_time_wrong"), (-1, "access_time_wrong")),
        (MILLISECONDS_MAX + 1, "access_time_wrong"),
    ],
)
def test_an_authorisation_ends_after_it_was_given(until: int | None, expected: str | None) -> None:
    assert code("AuthoriseAccess", until=until) == expected


@pytest.mark.parametrize("said_at", [-1, 2**62, -(2**63)])
def test_a_moment_beyond_the_calendar_is_refused_before_anything_is_counted(said_at: int) -> None:
    provenance = {"occurredAt": said_at}
    assert code("AuthoriseAccess", provenance=provenance) == "access_time_wrong"
    assert code("RecordAccess", provenance=provenance, accessedAt=2**62) == "access_time_wrong"


@pytest.mark.parametrize("motive", [None, "", " \n"])
def test_break_glass_says_why(motive: str | None) -> None:
    assert code("RecordAccess", mode="BREAK_GLASS", motive=motive) == "motive_missing"
    assert code("RecordAccess", mode="BREAK_GLASS", motive="Inconscient") is None


def test_the_trace_is_of_the_past_and_names_documents_well() -> None:
    assert code("RecordAccess", accessedAt=SAID_AT + 1) == "access_time_wrong"
    assert code("RecordAccess", accessedAt=-1) == "access_time_wrong"
    assert code("RecordAccess", documentIds=["1.2.3", "1.2.4"]) is None
    assert code("RecordAccess", documentIds=["1.2.3", "x"]) == "unique_id_malformed"
    assert code("RecordAccess", documentIds=["1.2.3"] * 1001) == "unique_id_malformed"
    assert code("RecordAccess", motive="\x00") == "text_malformed"


@pytest.mark.parametrize("name", [*HOLDERS, *PHYSICIANS, "OpposeEmergencyAccess"])
def test_texts_are_texts(name: str) -> None:
    assert code(name, reason="a\x00b") == "text_malformed"
    assert code(name, reason="x" * 5000) == "text_malformed"


def moment(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=PARIS).timestamp()) * 1000  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("said", "until"),
    [
        ((2024, 1, 10, 9, 30), (2024, 7, 10, 9, 30)),
        ((2023, 8, 31, 9, 30), (2024, 2, 29, 9, 30)),
        ((2022, 8, 31, 23, 59), (2023, 2, 28, 23, 59)),
        ((2023, 12, 31, 0, 0), (2024, 6, 30, 0, 0)),
    ],
)
def test_six_months_are_counted_by_the_calendar_of_paris(
    said: tuple[int, ...], until: tuple[int, ...]
) -> None:
    assert default_until(moment(*said)) == moment(*until)
    assert default_until(moment(*said) + 123) == moment(*until) + 123


@given(st.integers(0, MILLISECONDS_MAX - 366 * 24 * 3600 * 1000))
def test_six_months_are_never_much_more_or_less(said_at: int) -> None:
    lasts = timedelta(milliseconds=default_until(said_at) - said_at)
    assert timedelta(days=180) <= lasts <= timedelta(days=185)
