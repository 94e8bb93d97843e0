"""What the system answers and keeps beside the log: outcomes, notifications, raw records.

One TypedDict per record of `schemas/avro/{outcome,notification,letter}`, kept equal by a test.
The vocabulary of statuses has its one home here.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypedDict

Status = Literal["accepted", "duplicate", "unchanged", "rejected"]
"""What became of a message, as the log, the metrics and the dead letters name it."""
ACCEPTED: Final[Status] = "accepted"
DUPLICATE: Final[Status] = "duplicate"
UNCHANGED: Final[Status] = "unchanged"
REJECTED: Final[Status] = "rejected"
STATUSES: Final[tuple[Status, ...]] = (ACCEPTED, DUPLICATE, UNCHANGED, REJECTED)

SentStatus = Literal["ACCEPTED", "DUPLICATE", "UNCHANGED", "REJECTED"]
"""The same on the topic outcomes: symbols of an Avro enum."""
SENT_STATUS: Final[Mapping[str, SentStatus]] = {
    ACCEPTED: "ACCEPTED",
    DUPLICATE: "DUPLICATE",
    UNCHANGED: "UNCHANGED",
    REJECTED: "REJECTED",
}


class BrokenRule(TypedDict):
    """A rule a message breaks without being refused for it."""

    ruleId: str
    code: str
    path: str | None
    english: str
    french: str
    documentation: str


class Outcome(TypedDict):
    """Topic outcomes, keyed by software: what became of one message.

    `english`, `french`, `documentation`: of the rule that refused it. Those written before version
    2 have none.
    """

    outcomeId: str
    messageId: bytes | None
    softwareId: str
    topic: str
    partition: int
    offset: int
    attempt: int
    status: SentStatus
    code: str | None
    ruleId: str | None
    path: str | None
    decidedAt: int
    traceparent: str | None
    english: str | None
    french: str | None
    documentation: str | None
    warnings: list[BrokenRule]


class OutcomeBatch(TypedDict):
    """The outcomes of one batch of one partition, as the store keeps them until they are
    published.
    """

    outcomes: list[Outcome]


class Notification(TypedDict):
    """Topic notifications, keyed by the record's number: somebody is to be told."""

    notificationId: str
    rule: str
    ruleVersion: int
    record: int
    person: int
    lineage: str
    audience: Literal["PATIENT", "REPRESENTATIVE"]
    typeCode: str | None
    position: int
    recordedAt: int


class Header(TypedDict):
    """One header."""

    name: str
    value: bytes | None


class RawRecord(TypedDict):
    """A record of the feed as received, kept sealed in a dead letter."""

    key: bytes | None
    value: bytes | None
    headers: list[Header]
    timestamp: int
