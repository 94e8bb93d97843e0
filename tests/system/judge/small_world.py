"""A run of eight messages that went well, by hand: what the checker must find sound."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import UUID

from tests.samples.deposit import actor, author, provenance, traits
from tests.samples.deposit import deposit as sample
from tests.system.judge.evidence import (
    Answered,
    Counted,
    Evidence,
    Fed,
    Letter,
    Notified,
    Place,
    Seen,
    Sent,
    Stored,
)
from tests.system.judge.reference import stream_of

KEY = "1.2.250.1.213.1.4.10|279035121518989"
D1, D2, D3, D4 = (f"1.2.250.1.999.{n}" for n in range(1, 5))
ACCEPTED, DUPLICATE, UNCHANGED = ("ACCEPTED", None), ("DUPLICATE", None), ("UNCHANGED", None)


def place(offset: int) -> Place:
    return Place("documents", 0, offset)


def message_id(number: int) -> str:
    return str(UUID(int=number + 1))


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def deposit(number: int, uid: str, act: str, **document: Any) -> dict[str, Any]:
    fields = {
        "uniqueId": uid,
        "serviceStartTime": act,
        "sourcePatientInfo": traits(birthDate="19790312"),
        "authors": [author(organisationId=None)],
        **document,
    }
    said = sample(**_head(number), **fields)
    return {**said, "content_sha256": digest(f"content of {uid}")}


def visibility(number: int, uid: str, **flags: bool) -> dict[str, Any]:
    names = ("masquePs", "invisiblePatient", "invisibleRepresentantsLegaux")
    return {**_head(number), "uniqueId": uid, **{name: flags.get(name) for name in names}}


def _head(number: int) -> dict[str, Any]:
    return {
        "messageId": UUID(message_id(number)).bytes,
        "provenance": provenance(actor=actor(organisationId=None)),
    }


def sound() -> Evidence:
    """D2 replaces D1; hiding D3 comes before D3 and waits; D1 comes twice; D4 is masked already."""
    made = Evidence()
    world = _World(made)
    world.message(0, deposit(0, D1, "20240105101500+0100"), [ACCEPTED])
    world.message(1, visibility(1, D3, invisiblePatient=True), [REJECTED_UNKNOWN, ACCEPTED])
    world.message(2, deposit(2, D2, "20240105101500+0100", replaces=D1), [ACCEPTED])
    world.message(3, deposit(0, D1, "20240105101500+0100"), [DUPLICATE])
    world.message(4, deposit(4, D3, "20231224080000+0100"), [ACCEPTED])
    world.message(5, None, [("REJECTED", "malformed")])
    world.message(6, deposit(6, D4, "20240229", masquePs=True), [ACCEPTED])
    world.message(7, visibility(7, D4, masquePs=True), [UNCHANGED])
    world.events()
    made.applied = {message_id(1): 6, message_id(7): None}
    made.log_ends = {("documents", 0): 8}
    made.counted = {("documents", 0): Counted(0, 8, 4, 1, 1, 2, 7, 0)}
    made.letters = [
        Letter(1, place(1), "target_unknown", "accepted", 2, message_id(1)),
        Letter(2, place(5), "malformed", "waiting", 1, None),
    ]
    made.notified = [_told(uid) for uid in (D1, D2, D3, D4)]
    made.records = {KEY: 1}
    made.timelines = {
        (KEY, "patient"): Seen((D4, D2), (), {D4: frozenset({"MASQUE_PS"})}),
        (KEY, "professional"): Seen((D2, D3), (), {D3: frozenset({"INVISIBLE_PATIENT"})}),
        (KEY, "representative"): Seen(()),
    }
    made.contents = {uid: digest(f"content of {uid}") for uid in (D1, D2, D3, D4)}
    made.balance_gauges = {("documents", 0, "accepted"): 4.0, ("documents", 0, "rejected"): 2.0}
    made.rebuilt_equal = made.audit_passed = True
    return made


REJECTED_UNKNOWN = ("REJECTED", "target_unknown")


class _World:
    def __init__(self, made: Evidence) -> None:
        self._made = made

    def message(
        self, offset: int, datum: dict[str, Any] | None, attempts: list[tuple[str, str | None]]
    ) -> None:
        at, value = place(offset), digest(f"value {datum}")
        schema = None
        if datum is not None:
            schema = "DepositDocument" if "document" in datum else "ChangeVisibility"
        kept = digest(f"submitted {datum}")
        self._made.fed.append(Fed(at, KEY.encode(), value, schema, datum, kept))
        mine = None if datum is None else str(UUID(bytes=datum["messageId"]))
        then = frozenset(attempts[1:])
        sent = Sent(offset + 1, mine or "", value, None, frozenset(attempts[:1]), then, at)
        self._made.sent.append(sent)
        for attempt, (status, code) in enumerate(attempts, 1):
            outcome = f"documents/0/{offset}/{attempt}"
            self._made.answered.append(Answered(outcome, at, attempt, status, code, mine))

    def events(self) -> None:
        kept = {fed.message_id: fed.submitted_sha256 for fed in self._made.fed}
        rows: list[tuple[int, str, str, int, dict[str, Any]]] = [
            (0, "record", "record_opened", 1, {}),
            (0, stream_of(D1), "document_submitted", 1, {}),
            (2, stream_of(D2), "document_submitted", 1, {}),
            (2, stream_of(D1), "document_replaced", 2, {"replacedBy": D2}),
            (4, stream_of(D3), "document_submitted", 1, {}),
            (1, stream_of(D3), "document_visibility_changed", 2, {"flag": "INVISIBLE_PATIENT"}),
            (6, stream_of(D4), "document_submitted", 1, {}),
        ]
        for position, (number, stream, name, version, datum) in enumerate(rows, 1):
            mine = message_id(number)
            value = kept[mine] if name == "document_submitted" else None
            event = Stored(position, 1, stream, version, name, mine, datum, value)
            self._made.stored.append(event)


def _told(uid: str) -> Notified:
    lineage = stream_of(uid).replace("-", "")
    return Notified(f"id of {uid}", "document_visible", 1, lineage, "PATIENT")
