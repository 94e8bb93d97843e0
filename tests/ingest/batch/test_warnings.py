"""A message that breaks a soft rule: taken with a warning, refused, or taken in silence, as set."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from fastavro import schemaless_writer
from prometheus_client import CollectorRegistry

from ingest.batch.outcome_bytes import encode_outcomes
from ingest.batch.write import BatchWriter, Written
from ingest.consume.metrics import IngestionMetrics
from ingest.facts.message import Interpreted
from ingest.feed import PolledPartition
from ingest.read.arrivals import read_partition
from ingest.read.interpret import Rejected, interpret
from ingest.read.service_wait import without_waiting
from ingest.read.site import Context
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.metrics import Metrics
from schemas.codec.messages import MARKER, decode_event
from schemas.rules.table.rejections import REJECTIONS, Rejection
from schemas.rules.table.severities import Severities
from schemas.versions.catalogue import schema_catalogue
from tests.ingest.feed_messages import CONTEXT, deposit, feed_record, mask, partition_for
from tests.ingest.ingest_site import Site

RESTRICTED: dict[str, Any] = {"confidentialityCode": "R"}
"""Breaks MET-18, whose severity may be changed, and nothing else."""
CODE = "level_should_not_be_shared"
BROKEN = Rejection(CODE, "document.confidentialityCode")


def context(effect: str) -> Context:
    return replace(CONTEXT, severities=Severities({CODE: effect}))  # type: ignore[dict-item]


def read(message: tuple[str, dict[str, Any]], within: Context) -> Interpreted | Rejected:
    return interpret(feed_record(message), partition_for(message), within)


def test_a_rule_warns_refuses_or_is_silent_as_the_installation_says() -> None:
    message = deposit(1, **RESTRICTED)
    warned, silent = read(message, context("warn")), read(message, context("off"))
    refused = read(message, context("reject"))
    assert isinstance(warned, Interpreted)
    assert BROKEN in warned.warnings
    assert isinstance(silent, Interpreted)
    assert set(warned.warnings) - set(silent.warnings) == {BROKEN}
    assert isinstance(refused, Rejected)
    assert refused.rejection == BROKEN


def test_a_rule_that_always_refuses_comes_first() -> None:
    message = deposit(1, **RESTRICTED, typeCode="nothing")
    found = read(message, context("reject"))
    assert isinstance(found, Rejected)
    assert found.rejection.code == "type_unknown"


def test_the_refusal_keeps_the_warnings_found_before_it() -> None:
    message = deposit(1, **RESTRICTED, uniqueId="2.25.1^2")
    within = replace(CONTEXT, severities=Severities({CODE: "reject"}))
    found = read(message, within)
    assert isinstance(found, Rejected)
    assert found.rejection == BROKEN
    assert Rejection("unique_id_not_for_dmp", "document.uniqueId") in found.warnings


def test_the_answer_names_the_rule_in_both_languages_with_its_link(site: Site) -> None:
    linked = replace(CONTEXT, rules_page="https://rules.example/dmp")
    write(site, linked, deposit(1, **RESTRICTED), mask(9))
    taken, refused = outcomes(site)
    rule = REJECTIONS[CODE]
    assert (taken["status"], taken["code"], taken["english"]) == ("ACCEPTED", None, None)
    assert {
        "ruleId": rule.rule_id,
        "code": CODE,
        "path": "document.confidentialityCode",
        "english": rule.english,
        "french": rule.french,
        "documentation": f"https://rules.example/dmp#{rule.rule_id}",
    } in taken["warnings"]
    unknown = REJECTIONS["target_unknown"]
    assert (refused["status"], refused["code"]) == ("REJECTED", "target_unknown")
    assert (refused["english"], refused["french"]) == (unknown.english, unknown.french)
    assert refused["documentation"] == f"https://rules.example/dmp#{unknown.rule_id}"


def test_warnings_are_counted_by_rule(site: Site) -> None:
    written = write(site, CONTEXT, deposit(1, **RESTRICTED), deposit(2, **RESTRICTED), deposit(3))
    metrics = Metrics(CollectorRegistry())
    IngestionMetrics(metrics, site.store, SystemClock()).stored(written, 0.1)
    labels = {"topic": "documents", "rule": REJECTIONS[CODE].rule_id}
    name = "histoire_rule_warnings_total"
    assert metrics.registry.get_sample_value(name, labels) == 2


@pytest.fixture
def plain() -> dict[str, Any]:
    """An outcome with nothing to explain."""
    return {
        "outcomeId": "documents/1/2/3/1",
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
        "traceparent": None,
        "english": None,
        "french": None,
        "documentation": None,
        "warnings": [],
    }


def first_version(outcomes: list[dict[str, Any]]) -> bytes:
    schema = schema_catalogue().get("OutcomeBatch", 1)
    out = BytesIO()
    schemaless_writer(out, schema.parsed, {"outcomes": outcomes})
    return MARKER + schema.fingerprint + out.getvalue()


def test_an_outcome_without_warnings_costs_four_bytes_more_than_before(
    plain: dict[str, Any],
) -> None:
    rows: Any = [plain] * 100
    assert len(encode_outcomes(rows)) == len(first_version(rows)) + 4 * 100


def test_outcomes_stored_before_are_published_after(plain: dict[str, Any]) -> None:
    old = {**plain, "status": "REJECTED", "code": "opposed", "ruleId": "REC-02", "path": "ins"}
    assert decode_event("OutcomeBatch", first_version([old])) == {"outcomes": [old]}


def write(site: Site, within: Context, *messages: tuple[str, dict[str, Any]]) -> Written:
    """One batch read and written in this context, the messages one after the other."""
    parts = {part.partition: part for part in site.parts(*messages)}
    read_again = []
    for partition, part in parts.items():
        records = [arrival.feed_record for arrival in part.records]
        polled = PolledPartition(partition, part.from_offset, part.next_offset, records)
        read_again.append(read_partition(polled, "test", within))
    return BatchWriter(site.store, within, SystemClock(), without_waiting).write(read_again)


def outcomes(site: Site) -> list[dict[str, Any]]:
    return [
        outcome
        for row in site.store.outcomes.unpublished(100)
        for outcome in decode_event("OutcomeBatch", row.payload)["outcomes"]
    ]
