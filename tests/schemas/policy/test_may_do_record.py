"""Who may do what to a record: the whole table, written out once more."""

from __future__ import annotations

import pytest

from schemas.policy.may_do import ActorKind
from schemas.policy.may_do_record import RecordOperation, may_do_to_record, needs_minor

# p professional, t the patient, r representative (of a minor), m machine
ALLOWED = {
    "open": "ptrm",
    "reopen": "ptr",
    "reopen_after_fact": "pm",
    "activate": "trm",
    "close": "ptr",
    "close_by_fact": "pm",
    "oppose": "ptrm",
    "withdraw_opposition": "ptr",
    "identify": "pm",
    "give_access": "tr",
    "give_access_to_self": "p",
    "take_access": "tr",
    "take_access_from_self": "p",
    "block": "tr",
    "oppose_emergency": "ptr",
    "withdraw_emergency_opposition": "tr",
    "consult": "ptrm",
    "consult_exceptionally": "p",
}
LETTERS = {
    ActorKind.PROFESSIONAL: "p",
    ActorKind.PATIENT: "t",
    ActorKind.REPRESENTATIVE: "r",
    ActorKind.MACHINE: "m",
    ActorKind.UNKNOWN: "?",
}


def test_the_table_names_every_operation() -> None:
    assert set(ALLOWED) == {operation.value for operation in RecordOperation}


@pytest.mark.parametrize("kind", ActorKind)
@pytest.mark.parametrize("operation", RecordOperation)
def test_every_combination(kind: ActorKind, operation: RecordOperation) -> None:
    assert may_do_to_record(kind, operation) is (LETTERS[kind] in ALLOWED[operation.value])


def test_only_representatives_depend_on_the_age_of_the_person() -> None:
    assert [kind for kind in ActorKind if needs_minor(kind)] == [ActorKind.REPRESENTATIVE]
