"""An `OutcomeBatch` written by hand: this takes a quarter of fastavro's time, on every message's
way.

A test compares the bytes with those of `encode` in `schemas.codec` and fails for a new version of
the schema; `BATCH_VERSION` refuses to start with one.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from schemas.codec.messages import MARKER
from schemas.feed.outcomes import BrokenRule, Outcome
from schemas.versions.catalogue import schema_catalogue

BATCH_VERSION: Final = 2
_SCHEMA: Final = schema_catalogue().newest("OutcomeBatch")
if _SCHEMA.version != BATCH_VERSION:
    raise RuntimeError("OutcomeBatch has a new version: outcome_bytes must learn it")
_HEAD: Final = MARKER + _SCHEMA.fingerprint
_STATUS: Final = {"ACCEPTED": b"\0", "DUPLICATE": b"\2", "UNCHANGED": b"\4", "REJECTED": b"\6"}
_NULL: Final = b"\0"
_SECOND: Final = b"\2"
"""The second branch of a union with null."""
_NO_SENTENCES: Final = (None, None, None)


def _number(value: int) -> bytes:
    """A long as Avro writes it: zigzag, seven bits a byte, the lowest first."""
    rest = (value << 1) ^ (value >> 63)
    if rest < 128:
        return rest.to_bytes(1, "little")
    out = bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


@lru_cache(maxsize=4096)
def _text(value: str) -> bytes:
    return _fresh_text(value)


def _fresh_text(value: str) -> bytes:
    data = value.encode()
    return _number(len(data)) + data


def _optional(value: str | None) -> bytes:
    return _NULL if value is None else _SECOND + _text(value)


def _explained(outcome: Outcome) -> bytes:
    sentences = (outcome["english"], outcome["french"], outcome["documentation"])
    warnings = outcome["warnings"]
    if sentences == _NO_SENTENCES and not warnings:
        return b"\0\0\0\0"
    count = _small_number(len(warnings)) if warnings else b""
    return b"".join((*map(_optional, sentences), count, *map(_broken_rule, warnings), _NULL))


def _broken_rule(broken: BrokenRule) -> bytes:
    sentences = (broken["english"], broken["french"], broken["documentation"])
    head = _text(broken["ruleId"]) + _text(broken["code"]) + _optional(broken["path"])
    return head + b"".join(map(_text, sentences))


_small_number = lru_cache(maxsize=4096)(_number)


def encode_outcomes(outcomes: Iterable[Outcome]) -> bytes:
    """The bytes of an `OutcomeBatch` with these outcomes."""
    rows = []
    decided_at, decided = -1, b""
    for outcome in outcomes:
        if outcome["decidedAt"] != decided_at:
            decided_at = outcome["decidedAt"]
            decided = _number(decided_at)
        message_id, code = outcome["messageId"], outcome["code"]
        rejection = (
            b"\0\0\0"
            if code is None and outcome["ruleId"] is None and outcome["path"] is None
            else _optional(code) + _optional(outcome["ruleId"]) + _optional(outcome["path"])
        )
        trace = outcome["traceparent"]
        rows.append(
            _fresh_text(outcome["outcomeId"])
            + (_NULL if message_id is None else _SECOND + message_id)
            + _text(outcome["softwareId"])
            + _text(outcome["topic"])
            + _small_number(outcome["partition"])
            + _number(outcome["offset"])
            + _small_number(outcome["attempt"])
            + _STATUS[outcome["status"]]
            + rejection
            + decided
            + (_NULL if trace is None else _SECOND + _fresh_text(trace))
            + _explained(outcome)
        )
    if not rows:
        return _HEAD + _NULL
    return b"".join((_HEAD, _number(len(rows)), *rows, _NULL))
