"""What a batch tells: outcomes for the senders, dead letters for what was rejected."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from ingest.eventstore.append_batch import (
    AppendBatch,
    DeadLetterDecision,
    NewDeadLetter,
    NewOutcomes,
)
from ingest.facts.message import Interpreted
from ingest.facts.view import RecordRef
from ingest.feed.cloud_events import traceparent_of
from ingest.read.arrivals import Arrival, encoded_feed_record
from schemas.feed.outcomes import SENT_STATUS, BrokenRule, Outcome
from schemas.rules.table.rejections import RULES_PAGE, Rejection

from .outcome_bytes import encode_outcomes
from .waiting import waits_for


def add_outcomes(
    batch: AppendBatch,
    arrivals: Sequence[Arrival],
    dead_letters: Sequence[Arrival],
    decided_at_ms: int,
    rules_page: str,
) -> None:
    """`batch` holds an outcome of each arrival and of each dead letter decided again, and the next
    attempt of the latter.
    """
    batch.dead_letter_decisions = dead_letter_decisions(dead_letters)
    batch.outcomes = outcome_rows((*arrivals, *dead_letters), decided_at_ms, rules_page)


def outcome_of(arrival: Arrival, decided_at_ms: int, rules_page: str = RULES_PAGE) -> Outcome:
    """The outcome as its sender gets it: no INS, no uniqueId, no free text (decision 0006).

    `rules_page`: where the rules are explained.
    """
    partition, record, rejection = arrival.partition, arrival.feed_record, arrival.rejection
    offset, at = record.offset, record.timestamp_ms
    rejected_by = None if rejection is None else broken_rule(rejection, rules_page)
    return {
        # With its time, since a topic made anew has another record at the same offset.
        "outcomeId": f"{partition.topic}/{partition.number}/{offset}/{at}/{arrival.attempt}",
        "messageId": arrival.read.message_id,
        "softwareId": arrival.read.software_id,
        "topic": partition.topic,
        "partition": partition.number,
        "offset": offset,
        "attempt": arrival.attempt,
        "status": SENT_STATUS[arrival.status],
        "code": None if rejected_by is None else rejected_by["code"],
        "ruleId": None if rejected_by is None else rejected_by["ruleId"],
        "path": None if rejected_by is None else rejected_by["path"],
        "decidedAt": decided_at_ms,
        "traceparent": traceparent_of(record.headers),
        "english": None if rejected_by is None else rejected_by["english"],
        "french": None if rejected_by is None else rejected_by["french"],
        "documentation": None if rejected_by is None else rejected_by["documentation"],
        "warnings": [broken_rule(warning, rules_page) for warning in arrival.warnings],
    }


def broken_rule(broken: Rejection, rules_page: str) -> BrokenRule:
    """A broken rule as its sender is told of it: the words are those of the table."""
    rule = broken.rule
    return {
        "ruleId": rule.rule_id,
        "code": broken.code,
        "path": broken.path,
        "english": rule.english,
        "french": rule.french,
        "documentation": rule.link(rules_page),
    }


def outcome_rows(
    arrivals: Iterable[Arrival], decided_at_ms: int, rules_page: str
) -> list[NewOutcomes]:
    """One row per source, in the order of the arrivals."""
    by_source: dict[str, list[Outcome]] = {}
    for arrival in arrivals:
        outcome = outcome_of(arrival, decided_at_ms, rules_page)
        by_source.setdefault(arrival.source, []).append(outcome)
    return [
        NewOutcomes(source, encode_outcomes(outcomes)) for source, outcomes in by_source.items()
    ]


def rejected_arrivals(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Those that were rejected, in their order."""
    return [arrival for arrival in arrivals if arrival.rejection is not None]


def new_dead_letters(
    arrivals: Iterable[Arrival],
    refs: Mapping[str, RecordRef],
    subject: Callable[[bytes], bytes],
) -> list[NewDeadLetter]:
    """A dead letter of each rejected arrival, in their order."""
    return [
        new_dead_letter(arrival, arrival.rejection, refs, subject)
        for arrival in arrivals
        if arrival.rejection is not None
    ]


def new_dead_letter(
    arrival: Arrival,
    rejection: Rejection,
    refs: Mapping[str, RecordRef],
    subject: Callable[[bytes], bytes],
) -> NewDeadLetter:
    """The dead letter of a rejected arrival.

    The store seals it under the key of its record where the key of the message names one that is
    known (then erasure of the person takes it too), under the letter key otherwise.
    """
    read, record = arrival.read, arrival.feed_record
    ref = refs.get(key_text(record.key))
    return NewDeadLetter(
        source=arrival.source,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
        code=rejection.code,
        path=rejection.path,
        message_id=read.message_id,
        software_id=read.software_id,
        record=None if ref is None else ref.record,
        subject=subject(record.key) if record.key else None,
        waits_for=waits_for(read, rejection),
        fingerprint=None if isinstance(read, Interpreted) else read.fingerprint,
        raw=encoded_feed_record(record),
    )


def key_text(key: bytes | None) -> str:
    """The key of a record as text; empty when there is none or it is no text."""
    if not key or len(key) > 64:
        return ""
    try:
        return key.decode("ascii")
    except UnicodeDecodeError:
        return ""


def dead_letter_decisions(dead_letters: Iterable[Arrival]) -> list[DeadLetterDecision]:
    """The next attempt of each dead letter; arrivals from the feed are left out."""
    return [
        DeadLetterDecision(a.dead_letter, a.attempt, a.status, a.code, a.path)
        for a in dead_letters
        if a.dead_letter is not None
    ]
