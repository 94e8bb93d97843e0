"""What a run left behind, as plain values: the checker judges these and reads nothing else.

Nothing here imports the system under test. Places are (topic, partition, offset) with the topic's
logical name; identifiers of messages and streams are UUIDs as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson


class Place(NamedTuple):
    """Where a record lies on the feed."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


Judgement = tuple[str, str | None]
"""Status of an outcome and code of its rejection."""


@dataclass(slots=True)
class Sent:
    """One line of intent of a producer's ledger with what the feed answered."""

    seq: int
    message_id: str
    sha256: str
    fault: str | None
    expected: frozenset[Judgement]
    then: frozenset[Judgement]
    place: Place | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Fed:
    """A record of the feed. `schema`, `datum`: None when it is not readable by plain fastavro."""

    place: Place
    key: bytes
    sha256: str
    schema: str | None
    datum: Mapping[str, Any] | None
    submitted_sha256: str | None = None
    """Of the message with `content` set to null, which is what the store is to keep."""

    @property
    def message_id(self) -> str | None:
        """The identifier in the message."""
        from uuid import UUID

        return None if self.datum is None else str(UUID(bytes=self.datum["messageId"]))


@dataclass(frozen=True, slots=True)
class Stored:
    """An event of the log, opened. `datum` and `sha256` (of its bytes) are None when erased."""

    position: int
    record: int
    stream: str
    version: int
    name: str
    message_id: str | None
    datum: Mapping[str, Any] | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Counted:
    """A row of the balance sheet."""

    first_offset: int
    next_offset: int
    accepted: int
    duplicate: int
    unchanged: int
    rejected: int
    events: int
    holes: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A row of the dead letters."""

    number: int
    place: Place
    code: str
    status: str
    attempt: int
    message_id: str | None


@dataclass(frozen=True, slots=True)
class Answered:
    """An outcome as published. The same `outcome_id` may come again, equal."""

    outcome_id: str
    place: Place
    attempt: int
    status: str
    code: str | None
    message_id: str | None


@dataclass(frozen=True, slots=True)
class Notified:
    """A trigger as published."""

    notification_id: str
    rule: str
    record: int
    lineage: str
    audience: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A timeline: uniqueIds, newest act first, archived ones apart. `flags`: of those that have any
    (MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX).
    """

    documents: tuple[str, ...]
    archived: tuple[str, ...] = ()
    flags: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Evidence:
    """All of a run.

    `timelines` by (INS key, reader), before a replay and after it. `contents`: SHA-256 by uniqueId
    of the bytes as the product gives them back, None: it does not. `after_erasure`: positions of
    events recorded after the erasure of their record. `audit`: lines of `histoire audit --json`.
    """

    sent: list[Sent] = field(default_factory=list)
    fed: list[Fed] = field(default_factory=list)
    log_ends: dict[tuple[str, int], int] = field(default_factory=dict)
    counted: dict[tuple[str, int], Counted] = field(default_factory=dict)
    stored: list[Stored] = field(default_factory=list)
    applied: dict[str, int | None] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    answered: list[Answered] = field(default_factory=list)
    notified: list[Notified] = field(default_factory=list)
    records: dict[str, int] = field(default_factory=dict)
    after_erasure: list[int] = field(default_factory=list)
    timelines: dict[tuple[str, str], Seen] = field(default_factory=dict)
    timelines_rebuilt: dict[tuple[str, str], Seen] = field(default_factory=dict)
    contents: dict[str, str | None] = field(default_factory=dict)
    balance_gauges: dict[tuple[str, int, str], float] = field(default_factory=dict)
    rebuilt_equal: bool | None = None
    audit_passed: bool | None = None
    audit: list[Mapping[str, Any]] = field(default_factory=list)


def read_ledgers(paths: Iterable[Path]) -> list[Sent]:
    """The intents of all ledgers with their answers (format: producers/simulator/run/ledger.py)."""
    found: list[Sent] = []
    for path in paths:
        of_this: dict[int, Sent] = {}
        for line in path.read_bytes().splitlines():
            said = orjson.loads(line)
            if said["line"] == "intent":
                of_this[said["seq"]] = Sent(
                    said["seq"],
                    said["id"],
                    said["sha256"],
                    said["fault"],
                    _judgements(said["expected"]),
                    _judgements(said["then"]),
                )
            elif said["line"] == "acked":
                place = Place(said["topic"], said["partition"], said["offset"])
                of_this[said["seq"]].place = place
            elif said["line"] == "refused":
                of_this[said["seq"]].refused = said["code"]
        found += of_this.values()
    return found


def _judgements(pairs: Iterable[list[Any]]) -> frozenset[Judgement]:
    return frozenset((status, code) for status, code in pairs)
