"""The checker has teeth: it finds nothing in a sound run, and names each damage done to one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.system.judge.checker import Finding, check
from tests.system.judge.evidence import Answered, Counted, Evidence, Letter, Notified, Seen, Stored
from tests.system.judge.reference import stream_of
from tests.system.judge.small_world import D1, D2, D3, D4, KEY, message_id, place, sound

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Damage = Callable[[Evidence], None]
ROW = ("documents", 0)


def test_a_sound_run_has_no_finding() -> None:
    assert check(sound(), NOW) == []


def test_what_was_sent_and_never_acknowledged_may_lack_or_be_stored() -> None:
    evidence = sound()
    evidence.sent[6].place = None
    evidence.sent.append(replace(evidence.sent[0], seq=99, sha256="0" * 64, place=None))
    assert check(evidence, NOW) == []


def test_an_outcome_published_twice_is_no_fault() -> None:
    evidence = sound()
    evidence.answered += evidence.answered
    assert check(evidence, NOW) == []


def test_an_operation_may_wait_for_its_document_within_its_batch() -> None:
    """Then its first outcome is the good one, and there is no dead letter."""
    evidence = sound()
    evidence.answered = [
        replace(a, attempt=1, outcome_id=f"{a.place}/1")
        for a in evidence.answered
        if a.place != place(1) or a.attempt == 2
    ]
    del evidence.letters[0]
    evidence.counted[ROW] = Counted(0, 8, 5, 1, 1, 1, 7, 0)
    evidence.balance_gauges = {}
    assert check(evidence, NOW) == []


def operation_without_its_document(evidence: Evidence) -> None:
    """It is accepted, though what it hides never came."""
    evidence.answered = [a for a in evidence.answered if a.place != place(4)]


def lost_event(evidence: Evidence) -> None:
    evidence.stored = [e for e in evidence.stored if e.stream != stream_of(D4)]


def lost_version(evidence: Evidence) -> None:
    evidence.stored = [e for e in evidence.stored if e.position != 5]


def lost_record(evidence: Evidence) -> None:
    del evidence.fed[4]


def lost_letter(evidence: Evidence) -> None:
    del evidence.letters[1]


def lost_outcome(evidence: Evidence) -> None:
    evidence.answered = [a for a in evidence.answered if a.place != place(6)]


def lost_document(evidence: Evidence) -> None:
    evidence.contents[D3] = None


def stored_after_its_erasure(evidence: Evidence) -> None:
    evidence.after_erasure = [5]


def lost_application(evidence: Evidence) -> None:
    del evidence.applied[message_id(7)]


def doubled_event(evidence: Evidence) -> None:
    evidence.stored.append(replace(evidence.stored[6], position=8, version=2))


def doubled_position(evidence: Evidence) -> None:
    evidence.stored.append(replace(evidence.stored[6], stream=stream_of("1.2.3"), message_id=None))


def doubled_acceptance(evidence: Evidence) -> None:
    at = next(n for n, a in enumerate(evidence.answered) if a.place == place(3))
    evidence.answered[at] = replace(evidence.answered[at], status="ACCEPTED")


def doubled_letter(evidence: Evidence) -> None:
    evidence.letters.append(Letter(3, place(5), "malformed", "waiting", 1, None))


def doubled_notification(evidence: Evidence) -> None:
    evidence.notified.append(replace(evidence.notified[0], notification_id="another"))


def altered_on_the_feed(evidence: Evidence) -> None:
    evidence.fed[2] = replace(evidence.fed[2], sha256="0" * 64)


def altered_in_the_store(evidence: Evidence) -> None:
    evidence.stored[2] = replace(evidence.stored[2], sha256="0" * 64)


def altered_document(evidence: Evidence) -> None:
    evidence.contents[D3] = "0" * 64


def altered_answer(evidence: Evidence) -> None:
    first = evidence.answered[0]
    evidence.answered.append(replace(first, status="DUPLICATE"))


def swapped_order(evidence: Evidence) -> None:
    """The second and third document of the patient changed places."""
    second, replaced, third = evidence.stored[2:5]
    evidence.stored[2:5] = [
        replace(third, position=3),
        replace(second, position=4),
        replace(replaced, position=5),
    ]


def letter_before_its_document(evidence: Evidence) -> None:
    third, changed = evidence.stored[4:6]
    evidence.stored[4:6] = [replace(changed, position=5), replace(third, position=6)]


def wrong_flag(evidence: Evidence) -> None:
    """The document hidden from the patient is shown to him."""
    evidence.timelines[KEY, "patient"] = Seen((D4, D2, D3))


def flag_not_told(evidence: Evidence) -> None:
    evidence.timelines[KEY, "patient"] = Seen((D4, D2))


def mask_not_kept(evidence: Evidence) -> None:
    evidence.timelines[KEY, "professional"] = Seen((D4, D2, D3))


def replaced_one_shown(evidence: Evidence) -> None:
    evidence.timelines[KEY, "patient"] = Seen((D4, D2, D1))


def one_not_shown(evidence: Evidence) -> None:
    evidence.timelines[KEY, "patient"] = Seen((D4,))


def sorted_by_arrival(evidence: Evidence) -> None:
    evidence.timelines[KEY, "patient"] = Seen((D2, D4))


def adult_shown_to_representative(evidence: Evidence) -> None:
    evidence.timelines[KEY, "representative"] = Seen((D4,))


def not_notified(evidence: Evidence) -> None:
    del evidence.notified[1]


def notified_of_nothing(evidence: Evidence) -> None:
    told = Notified("id", "document_visible", 1, "0" * 32, "PATIENT")
    evidence.notified.append(told)


def break_glass_not_told(evidence: Evidence) -> None:
    datum = {**dict(evidence.fed[1].datum or {}), "mode": "BREAK_GLASS", "outcome": "GRANTED"}
    made = replace(evidence.fed[1], place=place(8), schema="RecordAccess", datum=datum)
    evidence.fed.append(made)
    evidence.answered.append(replace(evidence.answered[0], place=place(8)))


def told_of_an_access_that_was_not(evidence: Evidence) -> None:
    evidence.notified.append(Notified("id", "emergency_access", 1, "0" * 32, "PATIENT"))


def invented_event(evidence: Evidence) -> None:
    one = Stored(8, 1, stream_of("1.2.3"), 1, "document_submitted", message_id(77), {}, "0")
    evidence.stored.append(one)


def invented_record(evidence: Evidence) -> None:
    del evidence.sent[6]


def invented_outcome(evidence: Evidence) -> None:
    answer = Answered("documents/0/99/1", place(99), 1, "ACCEPTED", None, None)
    evidence.answered.append(answer)


def not_read_to_the_end(evidence: Evidence) -> None:
    evidence.log_ends[ROW] = 9


def hole(evidence: Evidence) -> None:
    evidence.counted[ROW] = Counted(0, 8, 4, 1, 1, 1, 7, 1)


def miscounted(evidence: Evidence) -> None:
    evidence.counted[ROW] = Counted(0, 8, 5, 0, 1, 2, 7, 0)


def events_miscounted(evidence: Evidence) -> None:
    evidence.counted[ROW] = Counted(0, 8, 4, 1, 1, 2, 6, 0)


def partition_never_read(evidence: Evidence) -> None:
    evidence.log_ends["documents", 1] = 3


def other_code_than_foreseen(evidence: Evidence) -> None:
    evidence.answered = [
        replace(a, code="too_large") if a.code == "malformed" else a for a in evidence.answered
    ]
    evidence.letters[1] = replace(evidence.letters[1], code="too_large")


def letter_says_otherwise(evidence: Evidence) -> None:
    evidence.letters[0] = replace(evidence.letters[0], status="waiting", attempt=1)


def never_decided_again(evidence: Evidence) -> None:
    evidence.answered = [a for a in evidence.answered if a.attempt == 1]


def rebuilt_otherwise(evidence: Evidence) -> None:
    evidence.rebuilt_equal = False


def another_timeline_after_the_replay(evidence: Evidence) -> None:
    evidence.timelines_rebuilt[KEY, "patient"] = Seen((D4, D2))


def refused_by_the_publisher(evidence: Evidence) -> None:
    evidence.sent[6].place, evidence.sent[6].refused = None, "too_large"


def audit_does_not_balance(evidence: Evidence) -> None:
    evidence.audit_passed = False


def lying_metric(evidence: Evidence) -> None:
    evidence.balance_gauges["documents", 0, "accepted"] = 5.0


NAMED: list[tuple[Damage, str, str, str]] = [
    (operation_without_its_document, "I7", "unexplained", "documents/0/1"),
    (lost_event, "I1", "lost", "documents/0/6"),
    (lost_version, "I2", "lost", f"stream {stream_of(D3)}"),
    (lost_record, "I1", "lost", "documents/0/4"),
    (lost_letter, "I1", "lost", "documents/0/5"),
    (lost_outcome, "I6", "unexplained", "documents/0/6"),
    (lost_document, "I4", "lost", "documents/0/4"),
    (stored_after_its_erasure, "I11", "erased", "position 5"),
    (lost_application, "I1", "lost", "documents/0/7"),
    (doubled_event, "I2", "doubled", f"message {message_id(6)}"),
    (doubled_position, "I2", "doubled", "position 7"),
    (doubled_acceptance, "I2", "doubled", f"message {message_id(0)}"),
    (doubled_letter, "I1", "doubled", "documents/0/5"),
    (doubled_notification, "I2", "doubled", f"lineage {stream_of(D1).replace('-', '')}"),
    (altered_on_the_feed, "I4", "altered", "documents/0/2"),
    (altered_in_the_store, "I4", "altered", "documents/0/2"),
    (altered_document, "I4", "altered", "documents/0/4"),
    (altered_answer, "I2", "altered", "documents/0/0"),
    (swapped_order, "I5", "reordered", "documents/0/4"),
    (letter_before_its_document, "I5", "reordered", "documents/0/1"),
    (wrong_flag, "I7", "shown", "record 1 for patient"),
    (flag_not_told, "I7", "flags", "record 1 for patient"),
    (mask_not_kept, "I7", "shown", "record 1 for professional"),
    (replaced_one_shown, "I7", "shown", "record 1 for patient"),
    (one_not_shown, "I7", "shown", "record 1 for patient"),
    (sorted_by_arrival, "I7", "reordered", "record 1 for patient"),
    (adult_shown_to_representative, "I7", "shown", "record 1 for representative"),
    (not_notified, "I7", "notified", f"lineage {stream_of(D2).replace('-', '')}"),
    (notified_of_nothing, "I7", "notified", f"lineage {'0' * 32}"),
    (break_glass_not_told, "I7", "notified", "record 1"),
    (told_of_an_access_that_was_not, "I7", "notified", "record 1"),
    (invented_event, "I3", "invented", "position 8"),
    (invented_record, "I3", "invented", "documents/0/6"),
    (invented_outcome, "I3", "invented", "documents/0/99"),
    (not_read_to_the_end, "I6", "uncounted", "documents/0"),
    (hole, "I6", "uncounted", "documents/0"),
    (miscounted, "I6", "uncounted", "documents/0"),
    (events_miscounted, "I6", "uncounted", "events"),
    (partition_never_read, "I6", "uncounted", "documents/1"),
    (other_code_than_foreseen, "I1", "unexpected", "documents/0/5"),
    (letter_says_otherwise, "I1", "unexplained", "documents/0/1"),
    (never_decided_again, "I1", "unexplained", "documents/0/1"),
    (rebuilt_otherwise, "I8", "rebuilt", "timeline"),
    (another_timeline_after_the_replay, "I8", "rebuilt", "record 1 for patient"),
    (refused_by_the_publisher, "I1", "unexpected", f"message {message_id(6)}"),
    (audit_does_not_balance, "I6", "unbalanced", "audit"),
    (lying_metric, "I14", "untrue", "documents/0 accepted"),
]


@pytest.mark.parametrize(
    ("damage", "invariant", "kind", "subject"), NAMED, ids=[row[0].__name__ for row in NAMED]
)
def test_each_damage_is_named(damage: Damage, invariant: str, kind: str, subject: str) -> None:
    evidence = sound()
    damage(evidence)
    found = [(f.invariant, f.kind, f.subject) for f in check(evidence, NOW)]
    assert (invariant, kind, subject) in found


def test_no_finding_carries_an_ins() -> None:
    told: list[Finding] = []
    for damage, *_ in NAMED:
        evidence = sound()
        damage(evidence)
        told += check(evidence, NOW)
    matricule: Any = KEY.partition("|")[2]
    assert told
    assert not [str(finding) for finding in told if matricule in str(finding)]
