"""Outcomes written by hand are the bytes the codec would write."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingest.batch.outcome_bytes import encode_outcomes
from schemas.codec.messages import encode

broken_rules = st.fixed_dictionaries(
    {
        "ruleId": st.text(max_size=10),
        "code": st.text(max_size=20),
        "path": st.none() | st.text(max_size=20),
        "english": st.text(max_size=200),
        "french": st.text(max_size=200),
        "documentation": st.text(max_size=80),
    }
)
longs = st.integers(-(2**63), 2**63 - 1)
outcomes = st.fixed_dictionaries(
    {
        "outcomeId": st.text(max_size=200),
        "messageId": st.none() | st.binary(min_size=16, max_size=16),
        "softwareId": st.text(max_size=140),
        "topic": st.sampled_from(["documents", "patients", "registry"]),
        "partition": st.integers(0, 2**31 - 1),
        "offset": longs,
        "attempt": st.integers(1, 2**31 - 1),
        "status": st.sampled_from(["ACCEPTED", "DUPLICATE", "UNCHANGED", "REJECTED"]),
        "code": st.none() | st.text(max_size=20),
        "ruleId": st.none() | st.text(max_size=20),
        "path": st.none() | st.text(max_size=20),
        "decidedAt": longs,
        "traceparent": st.none() | st.text(max_size=55),
        "english": st.none() | st.text(max_size=200),
        "french": st.none() | st.text(max_size=200),
        "documentation": st.none() | st.text(max_size=80),
        "warnings": st.lists(broken_rules, max_size=3),
    }
)


@given(st.lists(outcomes, max_size=5))
def test_the_same_bytes(rows: list[Any]) -> None:
    assert encode_outcomes(rows) == encode("OutcomeBatch", {"outcomes": rows})


def test_a_block_of_many() -> None:
    row: Any = {
        "outcomeId": "documents/1/2/1",
        "messageId": b"\1" * 16,
        "softwareId": "1.2",
        "topic": "documents",
        "partition": 1,
        "offset": 2,
        "attempt": 1,
        "status": "ACCEPTED",
        "code": None,
        "ruleId": None,
        "path": None,
        "decidedAt": 1_700_000_000_000,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "english": None,
        "french": None,
        "documentation": None,
        "warnings": [],
    }
    assert encode_outcomes([row] * 3000) == encode("OutcomeBatch", {"outcomes": [row] * 3000})
