"""Every state of a record against every message about it: the table of `ingest.decide.record`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, Final, NamedTuple

import pytest

from ingest.facts.heads import NO_HEAD
from ingest.facts.message import TYPE_OF, AccessMessage
from schemas.events import RecordFlags
from schemas.feed.messages import PATIENTS, TOPIC_OF
from tests.ingest.access_given import access_message, machine
from tests.ingest.decide.deciding import World
from tests.ingest.feed_messages import deposit, mask, patient, record_message

Message = tuple[str, dict[str, Any]]
BITS: Final = (False, True)
CLOSURES: Final = ("", "ASKED", "DEATH", "IDENTITY_ERROR")


class State(NamedTuple):
    opened: bool
    activated: bool
    opposed: bool
    revoked: bool
    closure: str

    @property
    def closed(self) -> bool:
        return bool(self.closure)

    @property
    def reserved(self) -> bool:
        return not any(self)

    @property
    def bits(self) -> int:
        bits = self.opened * RecordFlags.OPENED | self.activated * RecordFlags.ACTIVATED
        bits |= self.opposed * RecordFlags.OPPOSED | self.revoked * RecordFlags.REVOKED
        bits |= self.closed * RecordFlags.CLOSED
        if self.closure in ("DEATH", "IDENTITY_ERROR"):
            bits |= {"DEATH": RecordFlags.DECEASED}.get(self.closure, RecordFlags.IDENTITY_ERROR)
        return int(bits)


STATES: Final = [
    State(*bits, closure) for bits in product(BITS, BITS, BITS, BITS) for closure in CLOSURES
]


def historical() -> Message:
    name, datum = deposit(9)
    datum["provenance"] = {**datum["provenance"], "channel": "HISTORICAL"}
    return name, datum


def by_machine(message: Message) -> Message:
    message[1]["provenance"]["actor"] = machine()
    return message


def by_patient(message: Message) -> Message:
    message[1]["provenance"]["actor"] = patient()
    return message


def feeding(state: State) -> str | list[str]:
    if state.closed:
        return "record_closed"
    if state.opposed:
        return "opposed"
    if state.revoked:
        return "identity_revoked"
    return ["document_submitted"] if state.opened else ["record_opened", "document_submitted"]


def old_document(state: State) -> str | list[str]:
    return "person_deceased" if state.closure == "DEATH" else feeding(state)


def opening(state: State) -> str | list[str]:
    if state.opposed:
        return "opposed"
    if state.revoked:
        return "identity_revoked"
    return "unchanged" if state.opened and not state.closed else ["record_opened"]


def opening_by_patient(state: State) -> str | list[str]:
    by_fact = state.closure in ("DEATH", "IDENTITY_ERROR")
    return "not_entitled_on_record" if by_fact else opening(state)


def opening_by_machine(state: State) -> str | list[str]:
    return "not_entitled_on_record" if state.closure == "ASKED" else opening(state)


def activating(state: State) -> str | list[str]:
    if state.closed:
        return "record_closed"
    return "unchanged" if state.activated else ["record_activated"]


def dying(state: State) -> str | list[str]:
    known = state.closure in ("DEATH", "IDENTITY_ERROR")
    return "unchanged" if known else ["record_closed"]


def giving(event: str) -> Callable[[State], str | list[str]]:
    def answer(state: State) -> str | list[str]:
        if state.closed:
            return "record_closed"
        return "identity_revoked" if state.revoked else [event]

    return answer


def tracing(state: State) -> str | list[str]:
    return "record_unknown" if state.reserved else ["record_accessed"]


def exceptional(state: State) -> str | list[str]:
    return "record_closed" if state.closed else tracing(state)


def always(*answer: str) -> Callable[[State], str | list[str]]:
    return lambda _: answer[0] if answer[0] == "unchanged" else list(answer)


def unless(bit: str, *events: str) -> Callable[[State], str | list[str]]:
    return lambda state: "unchanged" if getattr(state, bit) else list(events)


Case = tuple[Callable[[], Message], Callable[[State], str | list[str]]]
TABLE: Final[dict[str, Case]] = {
    "DepositDocument": (lambda: deposit(9), feeding),
    "DepositDocument HISTORICAL": (historical, old_document),
    "OpenRecord": (lambda: record_message("OpenRecord"), opening),
    "OpenRecord by the patient": (
        lambda: by_patient(record_message("OpenRecord")),
        opening_by_patient,
    ),
    "OpenRecord by a machine": (
        lambda: by_machine(record_message("OpenRecord")),
        opening_by_machine,
    ),
    "ActivateRecord": (lambda: record_message("ActivateRecord"), activating),
    "CloseRecord": (lambda: record_message("CloseRecord"), unless("closed", "record_closed")),
    "CloseRecord DEATH": (lambda: record_message("CloseRecord", reasonCode="DEATH"), dying),
    "CloseRecord IDENTITY_ERROR": (
        lambda: record_message("CloseRecord", reasonCode="IDENTITY_ERROR"),
        unless("closed", "record_closed"),
    ),
    "OpposeFeeding": (lambda: record_message("OpposeFeeding"), unless("opposed", "record_opposed")),
    "WithdrawOpposition": (
        lambda: record_message("WithdrawOpposition"),
        lambda state: ["opposition_withdrawn"] if state.opposed else "unchanged",
    ),
    "DeclareIdentity": (
        lambda: record_message("DeclareIdentity"),
        lambda state: ["identity_declared", *["identity_revoked"] * state.revoked],
    ),
    "DeclareIdentity after INSi": (
        lambda: record_message("DeclareIdentity", insiRequestedAt=1),
        always("identity_declared"),
    ),
    "RevokeIdentity": (
        lambda: record_message("RevokeIdentity"),
        unless("revoked", "identity_revoked"),
    ),
    "LinkIns": (lambda: record_message("LinkIns"), always("record_linked", "record_linked")),
    "UnlinkIns": (lambda: record_message("UnlinkIns"), always("unchanged")),
    "AuthoriseAccess": (lambda: access_message("AuthoriseAccess"), giving("access_authorised")),
    "DesignateAttendingPhysician": (
        lambda: access_message("DesignateAttendingPhysician"),
        giving("attending_physician_designated"),
    ),
    "WithdrawAccess": (lambda: access_message("WithdrawAccess"), always("unchanged")),
    "EndAttendingPhysician": (lambda: access_message("EndAttendingPhysician"), always("unchanged")),
    "BlockProfessional": (
        lambda: access_message("BlockProfessional"),
        always("professional_blocked"),
    ),
    "UnblockProfessional": (lambda: access_message("UnblockProfessional"), always("unchanged")),
    "OpposeEmergencyAccess": (
        lambda: access_message("OpposeEmergencyAccess"),
        always("emergency_access_opposed"),
    ),
    "WithdrawEmergencyOpposition": (
        lambda: access_message("WithdrawEmergencyOpposition"),
        always("unchanged"),
    ),
    "RecordAccess NORMAL": (lambda: access_message("RecordAccess"), tracing),
    "RecordAccess REFUSED": (
        lambda: access_message("RecordAccess", mode="BREAK_GLASS", outcome="REFUSED"),
        tracing,
    ),
    "RecordAccess BREAK_GLASS": (
        lambda: access_message("RecordAccess", mode="BREAK_GLASS"),
        exceptional,
    ),
    "RecordAccess REGULATION": (
        lambda: access_message("RecordAccess", mode="REGULATION"),
        exceptional,
    ),
}


def worlds() -> Iterator[tuple[State, World]]:
    for state in STATES:
        world = World()
        world.read(record_message("OpenRecord"))
        world.view.records[1] = NO_HEAD._replace(
            version=0 if state.reserved else 3, flags=state.bits
        )
        yield state, world


def test_the_table_has_every_message_about_a_record() -> None:
    on_records = {name for name, topic in TOPIC_OF.items() if topic == PATIENTS}
    assert {row.split()[0] for row in TABLE} == on_records | {"DepositDocument"}
    assert on_records >= {name for name, kind in TYPE_OF.items() if kind is AccessMessage}


@pytest.mark.parametrize("row", TABLE)
def test_every_state(row: str) -> None:
    make, expected = TABLE[row]
    wrong = []
    for state, world in worlds():
        status, events = world.when(make())
        answer = events if status == "accepted" else status
        if answer != expected(state):
            wrong.append((state, answer, expected(state)))
    assert not wrong


def test_a_mask_is_set_whatever_the_record_says() -> None:
    for state, world in worlds():
        before = world.view.records[1]
        world.view.records[1] = NO_HEAD._replace(version=1, flags=RecordFlags.OPENED)
        world.given(deposit(1))
        world.view.records[1] = before
        assert world.when(mask(1)) == ("accepted", ["document_visibility_changed"]), state
