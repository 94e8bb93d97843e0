"""Messages sent again, too early, or with another key or value."""

from dataclasses import replace

from ingest.feed.types import OutgoingRecord
from producers.simulator.content.messages import Message
from producers.simulator.faults import spoiled
from producers.simulator.plan.planned import ACCEPTED, DUPLICATE, UNCHANGED, Expected, rejected


def needed_document(message: Message) -> str | None:
    """The document that must come first: that of an operation, or the one a deposit replaces."""
    document = message.planned.document
    if document is None:
        return None
    return document.replaces if message.planned.schema == "DepositDocument" else document.uid


def too_early(message: Message) -> Message:
    """The message, sent before its document: a replacement waits linked, an operation is rejected.

    When both are in one batch of ingestion, the operation is decided again before its outcome.
    """
    if message.planned.schema == "DepositDocument":
        return replace(message, fault="reorder")
    expected = rejected("target_unknown") + ACCEPTED
    return replace(message, fault="reorder", expected=expected, then=ACCEPTED)


def sent_again(message: Message) -> Message:
    """The same message again. When its first outcome is open, the second is open too."""
    sure = message.expected == ACCEPTED
    expected = DUPLICATE if sure else tuple({*message.expected, *DUPLICATE, *UNCHANGED})
    return replace(message, fault="duplicate", expected=tuple(sorted(expected, key=str)))


def other_key(message: Message) -> bytes:
    """The key of somebody whom nobody simulates."""
    oid, _, matricule = message.record.key.partition(b"|")
    return oid + b"|" + spoiled.another_matricule(matricule.decode()).encode()


def with_record(
    message: Message,
    fault: str,
    expected: Expected,
    *,
    key: bytes | None = None,
    value: bytes | None = None,
) -> Message:
    """The message with another key or value in its feed record; None leaves it."""
    old = message.record
    record = OutgoingRecord(
        topic=old.topic,
        key=old.key if key is None else key,
        value=old.value if value is None else value,
        headers=old.headers,
    )
    return replace(message, record=record, fault=fault, expected=expected)
