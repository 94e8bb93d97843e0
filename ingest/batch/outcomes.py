"""The answers of a batch: outcomes for the senders, dead letters for what was refused."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from ingest.decide.document import TARGET_UNKNOWN
from ingest.eventstore.log.batch import DecidedLetter, NewDeadLetter, NewOutcomes, RecordRef
from ingest.feed.cloud_events import traceparent_of
from ingest.read.arrivals import Answer, Arrival, raw_record
from ingest.read.interpret import Interpreted
from schemas.feed.outcomes import REJECTED, BrokenRule, Outcome
from schemas.rules.table.rejections import REJECTIONS, RULES_PAGE

from .outcome_bytes import encode_outcomes


def outcome_of(arrival: Arrival, decided_at_ms: int, rules_page: str = RULES_PAGE) -> Outcome:
    """The answer as its sender gets it: no INS, no uniqueId, no free text (decision 0006).

    `rules_page`: where the rules are explained.
    """
    answer = answer_of(arrival)
    partition, offset, at = arrival.partition, arrival.record.offset, arrival.record.timestamp_ms
    refused_by = None if answer.code is None else broken_rule(answer.code, answer.path, rules_page)
    return {
        # With its time, since a topic made anew has another record at the same offset.
        "outcomeId": f"{partition.topic}/{partition.number}/{offset}/{at}/{arrival.attempt}",
        "messageId": arrival.read.message_id,
        "softwareId": arrival.read.software_id,
        "topic": partition.topic,
        "partition": partition.number,
        "offset": offset,
        "attempt": arrival.attempt,
        "status": answer.status.upper(),  # type: ignore[typeddict-item]
        "code": answer.code,
        "ruleId": None if refused_by is None else refused_by["ruleId"],
        "path": answer.path,
        "decidedAt": decided_at_ms,
        "traceparent": traceparent_of(arrival.record.headers),
        "english": None if refused_by is None else refused_by["english"],
        "french": None if refused_by is None else refused_by["french"],
        "documentation": None if refused_by is None else refused_by["documentation"],
        "warnings": [broken_rule(w.code, w.path, rules_page) for w in answer.warnings],
    }


def broken_rule(code: str, path: str | None, rules_page: str) -> BrokenRule:
    """A broken rule as its sender is told of it: the words are those of the table."""
    rule = REJECTIONS[code]
    return {
        "ruleId": rule.rule_id,
        "code": code,
        "path": path,
        "english": rule.english,
        "french": rule.french,
        "documentation": rule.link(rules_page),
    }


def answer_of(arrival: Arrival) -> Answer:
    """The answer of a decided arrival."""
    assert arrival.answer is not None, "the batch is decided"
    return arrival.answer


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


def refused(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Those that were rejected, in their order."""
    return [arrival for arrival in arrivals if answer_of(arrival).status == REJECTED]


def new_letter(
    arrival: Arrival, refs: Mapping[str, RecordRef], subject: Callable[[bytes], bytes]
) -> NewDeadLetter:
    """The dead letter of a rejected arrival.

    Sealed under the key of its record where the key of the message names one that is known (then
    erasure of the person takes it too), under the letter key otherwise.
    """
    answer, read, record = answer_of(arrival), arrival.read, arrival.record
    assert answer.code is not None, "a rejection has a code"
    waits = answer.code == TARGET_UNKNOWN.code and isinstance(read, Interpreted)
    ref = refs.get(key_text(record.key))
    return NewDeadLetter(
        source=arrival.source,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
        code=answer.code,
        path=answer.path,
        message_id=read.message_id,
        software_id=read.software_id,
        record=None if ref is None else ref.record,
        subject=subject(record.key) if record.key else None,
        waits_for=read.stream if waits and isinstance(read, Interpreted) else None,
        fingerprint=None if isinstance(read, Interpreted) else read.fingerprint,
        raw=raw_record(record),
    )


def key_text(key: bytes | None) -> str:
    """The key of a record as text; empty when there is none or it is no text."""
    if not key or len(key) > 64:
        return ""
    try:
        return key.decode("ascii")
    except UnicodeDecodeError:
        return ""


def decided_letters(letters: Sequence[Arrival]) -> list[DecidedLetter]:
    """The next attempt of each dead letter."""
    rows = []
    for arrival in letters:
        answer = answer_of(arrival)
        assert arrival.letter is not None, "it came out of a dead letter"
        rows.append(
            DecidedLetter(arrival.letter, arrival.attempt, answer.status, answer.code, answer.path)
        )
    return rows
