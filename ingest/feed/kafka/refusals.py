"""What an answer of a broker to a record means for the record."""

from __future__ import annotations

from kafka.errors import (
    AuthorizationError,
    IllegalStateError,
    InvalidProducerEpochError,
    InvalidRecordError,
    InvalidTimestampError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumberError,
    PolicyViolationError,
    ProducerFencedError,
    RecordListTooLargeError,
    RetriableError,
    UnknownProducerIdError,
    UnsupportedForMessageFormatError,
)

from ingest.feed.types import PublishFailure

_REFUSALS: dict[type[KafkaError], str] = {
    MessageSizeTooLargeError: "too_large",
    RecordListTooLargeError: "too_large",
    InvalidTimestampError: "bad_timestamp",
    InvalidRecordError: "refused",
    InvalidTopicError: "no_such_topic",
    PolicyViolationError: "refused",
    UnsupportedForMessageFormatError: "refused",
}
"""Answers about the record itself: the record will never pass. Any other answer is tried again."""

PASSING = (
    RetriableError,
    OutOfOrderSequenceNumberError,
    UnknownProducerIdError,
    InvalidProducerEpochError,
    ProducerFencedError,
    IllegalStateError,
)
"""About the state of the producer, not about a record."""


def refusal_of(error: KafkaError) -> PublishFailure | None:
    """Why this record will never pass, or None when it may later."""
    if isinstance(error, AuthorizationError) or "AuthorizationFailed" in str(error):
        return PublishFailure("not_authorised", "this user may not write to the topic")
    code = _REFUSALS.get(type(error))
    return None if code is None else PublishFailure(code, f"Kafka: {type(error).__name__}")
