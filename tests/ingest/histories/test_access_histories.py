"""Random histories of access over two INS that become one person and part again.

Compared with a naive model: it keeps all that was said as a list and, asked for anything, walks it
from the end. It knows nothing of folds, streams and batches.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingest.access_given import SAID_AT, access_message, doctor
from tests.ingest.decide.deciding import World
from tests.ingest.feed_messages import ANNA, BRUNO, DR_A, DR_B, HOSPITAL, LAB, record_message
from tests.ingest.ingest_site import Site

Message = tuple[str, dict[str, Any]]

HOLDERS = (DR_A, DR_B, LAB)
_who = st.sampled_from(HOLDERS)
_person = st.sampled_from((ANNA, BRUNO))
steps = st.one_of(
    st.tuples(st.just("AuthoriseAccess"), _person, _who, st.integers(1, 2)),
    st.tuples(
        st.sampled_from(("WithdrawAccess", "BlockProfessional", "UnblockProfessional")),
        _person,
        _who,
        st.just(0),
    ),
    st.tuples(
        st.sampled_from(("DesignateAttendingPhysician", "EndAttendingPhysician")),
        _person,
        st.sampled_from((DR_A, DR_B)),
        st.just(0),
    ),
    st.tuples(
        st.sampled_from(("OpposeEmergencyAccess", "WithdrawEmergencyOpposition")),
        _person,
        st.sampled_from(("BREAK_GLASS", "REGULATION")),
        st.just(0),
    ),
    st.tuples(
        st.just("RecordAccess"), _person, st.sampled_from(("BREAK_GLASS", "REGULATION")), st.just(0)
    ),
    st.tuples(st.sampled_from(("LinkIns", "UnlinkIns")), st.just(ANNA), st.just(""), st.just(0)),
)


def message_of(name: str, matricule: str, subject: str, number: int) -> Message:
    if name in ("LinkIns", "UnlinkIns"):
        return record_message(name)
    if name == "RecordAccess":
        return access_message(name, matricule=matricule, mode=subject, by=doctor(DR_B, HOSPITAL))
    if name in ("OpposeEmergencyAccess", "WithdrawEmergencyOpposition"):
        return access_message(name, matricule=matricule, access=subject)
    until: dict[str, Any] = {"until": SAID_AT + number} if name == "AuthoriseAccess" else {}
    return access_message(name, matricule=matricule, professionalId=subject, **until)


class Naive:
    """What was accepted, in order, and whether the two are one person now."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, str, int]] = []
        self.linked = False

    def take(self, step: tuple[str, str, str, int]) -> str:
        answer = self._answer(*step)
        name, matricule, subject, _ = step
        if answer == "accepted":
            self.said.append(step)
            if name in ("BlockProfessional", "UnblockProfessional"):
                self.said.append(("WithdrawAccess", matricule, subject, 0))
                self.said.append(("EndAttendingPhysician", matricule, subject, 0))
            self.linked = {"LinkIns": True, "UnlinkIns": False}.get(step[0], self.linked)
        return answer

    def _answer(self, name: str, matricule: str, subject: str, number: int) -> str:
        if name in ("LinkIns", "UnlinkIns"):
            return "unchanged" if self.linked is (name == "LinkIns") else "accepted"
        if name == "RecordAccess":
            if self._blocked(matricule, DR_B):
                return "professional_blocked"
            return "emergency_opposed" if self._opposed(matricule, subject) else "accepted"
        gives = name in ("AuthoriseAccess", "DesignateAttendingPhysician")
        if gives and self._blocked(matricule, subject):
            return "professional_blocked"
        changes = {
            "AuthoriseAccess": self._authorised(matricule, subject) != number,
            "WithdrawAccess": self._authorised(matricule, subject) != 0,
            "BlockProfessional": not self._blocked(matricule, subject),
            "UnblockProfessional": self._blocked(matricule, subject),
            "DesignateAttendingPhysician": self._attending(matricule) != subject,
            "EndAttendingPhysician": self._attending(matricule) == subject,
            "OpposeEmergencyAccess": not self._opposed(matricule, subject),
            "WithdrawEmergencyOpposition": self._opposed(matricule, subject),
        }
        return "accepted" if changes[name] else "unchanged"

    def _backwards(self, matricule: str) -> list[tuple[str, str, int]]:
        mine = [s for s in self.said if self.linked or s[1] == matricule]
        return [(name, subject, number) for name, _, subject, number in reversed(mine)]

    def _authorised(self, matricule: str, holder: str) -> int:
        for name, subject, number in self._backwards(matricule):
            if subject == holder and name == "AuthoriseAccess":
                return number
            if subject == holder and name == "WithdrawAccess":
                return 0
        return 0

    def _blocked(self, matricule: str, holder: str) -> bool:
        for name, subject, _ in self._backwards(matricule):
            if subject == holder and name in ("BlockProfessional", "UnblockProfessional"):
                return name == "BlockProfessional"
        return False

    def _attending(self, matricule: str) -> str:
        gone = set[str]()
        for name, subject, _ in self._backwards(matricule):
            if name == "DesignateAttendingPhysician":
                return "" if subject in gone else subject
            if name == "EndAttendingPhysician":
                gone.add(subject)
        return ""

    def _opposed(self, matricule: str, access: str) -> bool:
        both = ("OpposeEmergencyAccess", "WithdrawEmergencyOpposition")
        for name, subject, _ in self._backwards(matricule):
            if subject == access and name in both:
                return name == "OpposeEmergencyAccess"
        return False


OPENING = (record_message("OpenRecord"), record_message("OpenRecord", matricule=BRUNO))


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, max_size=25))
def test_decisions_are_those_of_the_naive_model(history: list[tuple[str, str, str, int]]) -> None:
    world, naive = World(), Naive()
    world.given(*OPENING)
    for step in history:
        assert world.when(message_of(*step))[0] == naive.take(step), step


def test_the_end_of_a_block_under_another_ins_gives_nothing_back() -> None:
    world = World()
    authorise = access_message("AuthoriseAccess")
    block = access_message("BlockProfessional", matricule=BRUNO)
    world.given(*OPENING, authorise, block, record_message("LinkIns"))
    unblocked = world.when(access_message("UnblockProfessional"))
    assert unblocked == ("accepted", ["professional_unblocked", "access_withdrawn"])


def test_nor_does_one_that_ended_before_the_link() -> None:
    """Random histories found it: by the link the authorisation of BRUNO came back to life."""
    world = World()
    world.given(*OPENING)
    for step in (
        ("AuthoriseAccess", BRUNO, DR_A, 1),
        ("BlockProfessional", ANNA, DR_A, 0),
        ("UnblockProfessional", ANNA, DR_A, 0),
        ("LinkIns", ANNA, "", 0),
    ):
        assert world.when(message_of(*step))[0] == "accepted"
    again = world.when(message_of("AuthoriseAccess", ANNA, DR_A, 1))
    assert again == ("accepted", ["access_authorised"])


def test_batches_make_no_difference(site: Site) -> None:
    """One long history, cut in every way, on a real store: all its partitions are read in order."""
    naive = Naive()
    site.write(*OPENING)
    history = [
        *(("AuthoriseAccess", ANNA, DR_A, 1), ("BlockProfessional", BRUNO, DR_A, 0)),
        *(("LinkIns", ANNA, "", 0), ("AuthoriseAccess", ANNA, DR_A, 2)),
        *(("DesignateAttendingPhysician", BRUNO, DR_B, 0), ("UnblockProfessional", ANNA, DR_A, 0)),
        *(("EndAttendingPhysician", ANNA, DR_B, 0), ("AuthoriseAccess", BRUNO, DR_A, 2)),
        *(("OpposeEmergencyAccess", ANNA, "BREAK_GLASS", 0), ("UnlinkIns", ANNA, "", 0)),
        *(("RecordAccess", BRUNO, "BREAK_GLASS", 0), ("RecordAccess", ANNA, "BREAK_GLASS", 0)),
        *(("WithdrawAccess", ANNA, DR_A, 0), ("WithdrawAccess", BRUNO, DR_A, 0)),
        ("WithdrawAccess", BRUNO, DR_A, 0),
    ]
    answers, expected = list[str](), [naive.take(step) for step in history]
    sizes = iter([1, 3, 2, 5, 1, 3])
    left = history
    while left:
        size = next(sizes)
        answers += site.write(*(message_of(*step) for step in left[:size]))
        left = left[size:]
    assert answers == expected
    assert {"accepted", "unchanged", "professional_blocked"} <= set(expected)
    assert site.store.auditing.verify_streams() == []
