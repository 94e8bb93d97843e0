"""Every sentence of decision 0007, decision 0018: given messages, when a message, then events."""

from __future__ import annotations

import copy
import itertools
import uuid
from typing import Any

import pytest

from schemas.events import DocumentFlags, DocumentStatus, RecordFlags
from tests.ingest.decide.deciding import World
from tests.ingest.feed_messages import (
    ANNA,
    BRUNO,
    DR_A,
    DR_B,
    HOSPITAL,
    LAB,
    OID,
    actor,
    deposit,
    dicom,
    ins,
    mask,
    operation,
    patient,
    record_message,
    stranger,
    unique_id,
)

SUBMITTED = "document_submitted"
REPLACED = "document_replaced"
CHANGED = "document_visibility_changed"
FIRST = ["record_opened", SUBMITTED]
ANNA_INS = f"{OID}|{ANNA}"


def test_a_first_document_opens_the_record_and_a_second_does_not() -> None:
    world = World()
    assert world.when(deposit(1)) == ("accepted", FIRST)
    assert world.events[0].datum["implicit"] is True
    assert world.when(deposit(2)) == ("accepted", [SUBMITTED])


def test_the_same_deposit_again_is_a_duplicate_whoever_sends_it_and_whatever_its_message_id() -> (
    None
):
    world = World().given(deposit(1))
    assert world.when(deposit(1, by=stranger())) == ("duplicate", [])


def test_two_spellings_of_a_unique_id_are_one_document() -> None:
    world = World().given(deposit(1))
    assert world.when(deposit(1, uniqueId="urn:oid:" + unique_id(1)))[0] == "duplicate"


@pytest.mark.parametrize(
    "changes",
    [
        {"masquePs": True},
        {"invisiblePatient": True},
        {"typeCode": "34133-9", "classCode": "11"},
        {"title": "Autre"},
        {"replaces": unique_id(9)},
        {"serviceStartTime": "20240104"},
    ],
)
def test_other_metadata_under_a_known_unique_id_is_a_conflict(changes: dict[str, Any]) -> None:
    world = World().given(deposit(1))
    assert world.when(deposit(1, **changes)) == ("metadata_conflict", [])


def test_another_record_under_a_known_unique_id_is_a_conflict() -> None:
    world = World().given(deposit(1))
    assert world.when(deposit(1, matricule=BRUNO)) == ("metadata_conflict", [])


def test_other_content_under_a_known_unique_id_is_a_conflict_and_the_first_stays() -> None:
    world = World().given(deposit(1, content=dicom(b"one")))
    assert world.when(deposit(1, content=dicom(b"two"))) == ("unique_id_conflict", [])


def test_a_deposit_is_compared_with_what_was_submitted_never_with_the_head() -> None:
    world = World().given(deposit(1), mask(1))
    assert world.when(deposit(1)) == ("duplicate", [])
    assert world.state(1).flags == DocumentFlags.MASQUE_PS | DocumentFlags.MASQUE_PS_BY_PATIENT


def test_bytes_for_a_document_known_without_them_are_added_once() -> None:
    fields = deposit(1, content=dicom())[1]["document"]
    world = World().given(("DepositDocument", {**deposit(1)[1], "document": fields}))
    assert world.when(deposit(1, content=dicom())) == ("accepted", ["document_content_added"])
    assert world.when(deposit(1, content=dicom())) == ("duplicate", [])


def test_bytes_for_a_deleted_document_are_not_kept() -> None:
    fields = deposit(1, content=dicom())[1]["document"]
    world = World().given(("DepositDocument", {**deposit(1)[1], "document": fields}))
    world.given(operation("DeleteDocument", 1))
    assert world.when(deposit(1, content=dicom())) == ("duplicate", [])


def test_an_erased_record_is_linked_to_nobody() -> None:
    world = World().given(deposit(1), deposit(2, matricule=BRUNO))
    world.erase(f"{OID}|{BRUNO}")
    assert world.when(record_message("LinkIns")) == ("record_erased", [])


def test_a_late_target_is_replaced_as_the_waiting_message_said() -> None:
    for only in (True, False):
        world = World().given(deposit(2, replaces=unique_id(1), visibility_only=only))
        world.given(deposit(1, visibility_only=not only))
        assert world.events[-1].name == REPLACED
        assert world.events[-1].datum["visibilityOnly"] is only


@pytest.mark.parametrize(
    ("forbidding", "code"),
    [
        ("CloseRecord", "record_closed"),
        ("OpposeFeeding", "opposed"),
        ("RevokeIdentity", "identity_revoked"),
    ],
)
def test_the_record_forbids_new_documents_but_a_resend_stays_a_duplicate(
    forbidding: str, code: str
) -> None:
    world = World().given(deposit(1), record_message(forbidding))
    assert world.when(deposit(2)) == (code, [])
    assert world.when(deposit(1)) == ("duplicate", [])


def test_after_erasure_nothing_is_fed_and_the_unique_id_stays_used() -> None:
    world = World().given(deposit(1))
    world.erase(ANNA_INS)
    assert world.when(deposit(1)) == ("unique_id_used", [])
    assert world.when(deposit(1, matricule=BRUNO)) == ("unique_id_used", [])
    assert world.when(deposit(2)) == ("record_erased", [])
    assert world.when(mask(1)) == ("record_erased", [])
    assert world.when(record_message("OpenRecord")) == ("record_erased", [])


def test_a_deleted_unique_id_is_never_reused() -> None:
    world = World().given(deposit(1), operation("DeleteDocument", 1))
    assert world.when(deposit(1)) == ("duplicate", [])
    assert world.when(deposit(1, title="Autre")) == ("metadata_conflict", [])
    assert world.state(1).status == DocumentStatus.DELETED


# Messages that are not deposits: by message_id


def test_a_late_copy_of_a_mask_leaves_the_document_unmasked() -> None:
    first = mask(1)
    world = World().given(deposit(1), first, mask(1, on=False))
    assert world.when(first) == ("duplicate", [])
    assert not world.state(1).flags & DocumentFlags.MASQUE_PS


def test_the_same_message_id_with_other_bytes_is_a_conflict() -> None:
    message_id = uuid.uuid4().bytes
    world = World().given(deposit(1), mask(1, message_id=message_id))
    assert world.when(mask(1, on=False, message_id=message_id)) == ("message_id_conflict", [])


def test_a_change_that_changes_nothing_is_unchanged_and_is_applied_once() -> None:
    same = mask(1)
    world = World().given(deposit(1), mask(1))
    assert world.when(same) == ("unchanged", [])
    world.given(mask(1, on=False))
    assert world.when(same) == ("duplicate", [])


def test_each_flag_that_changes_is_one_event() -> None:
    world = World().given(deposit(1, masquePs=True))
    change = operation(
        "ChangeVisibility",
        1,
        masquePs=True,
        invisiblePatient=True,
        invisibleRepresentantsLegaux=True,
    )
    assert world.when(change) == ("accepted", [CHANGED, CHANGED])
    assert {e.datum["flag"] for e in world.events[-2:]} == {
        "INVISIBLE_PATIENT",
        "INVISIBLE_REPRESENTANTS_LEGAUX",
    }


def test_archive_unarchive_delete() -> None:
    world = World().given(deposit(1), operation("ArchiveDocument", 1))
    assert world.when(operation("ArchiveDocument", 1)) == ("unchanged", [])
    assert world.when(operation("UnarchiveDocument", 1))[0] == "accepted"
    assert world.when(operation("UnarchiveDocument", 1)) == ("unchanged", [])
    assert world.when(operation("DeleteDocument", 1))[0] == "accepted"
    assert world.when(operation("DeleteDocument", 1)) == ("unchanged", [])
    assert world.when(operation("ArchiveDocument", 1)) == ("target_deleted", [])
    assert world.when(mask(1)) == ("target_deleted", [])


def test_a_message_for_an_unknown_document_waits() -> None:
    assert World().when(mask(1)) == ("target_unknown", [])


def test_a_message_for_another_persons_document_is_refused() -> None:
    world = World().given(deposit(1, matricule=BRUNO))
    assert world.when(mask(1)) == ("target_of_other_person", [])


def test_a_closed_record_still_lets_a_wrong_document_be_taken_out() -> None:
    world = World().given(deposit(1), record_message("CloseRecord"))
    assert world.when(operation("DeleteDocument", 1))[0] == "accepted"


@pytest.mark.parametrize(
    "name", ["ChangeVisibility", "ArchiveDocument", "UnarchiveDocument", "DeleteDocument"]
)
def test_forbidding_and_undoing_need_no_qualified_identity(name: str) -> None:
    """An identity that lost its qualification still masks, and a wrong document still goes."""
    fields: dict[str, Any] = (
        {"masquePs": True, "by": patient()} if name == "ChangeVisibility" else {}
    )
    message = operation(name, 1, ins=ins(status="VALIDEE"), **fields)
    world = World().given(deposit(1))
    assert world.when(message)[0] in ("accepted", "unchanged")


# Entitlement


@pytest.mark.parametrize(
    ("by", "allowed"),
    [
        (actor(DR_A, "10", None), True),
        (actor(DR_B, "10", LAB), True),
        (actor(DR_B, "10", HOSPITAL), False),
        (actor(LAB, "AUTOMATE", LAB), True),
        (actor(HOSPITAL, "AUTOMATE", HOSPITAL), False),
        (patient(ANNA), True),
        (patient(BRUNO), False),
    ],
)
def test_delete_belongs_to_author_organisation_and_patient(
    by: dict[str, object], allowed: bool
) -> None:
    world = World().given(deposit(1))
    answer = world.when(operation("DeleteDocument", 1, by=by))[0]
    assert answer == ("accepted" if allowed else "not_entitled")


def test_replacing_belongs_to_the_author_of_the_old_document_whatever_the_new_one_says() -> None:
    claims = {"authors": deposit(1)[1]["document"]["authors"]}
    world = World().given(deposit(1))
    assert world.when(deposit(2, by=stranger(), replaces=unique_id(1), **claims)) == (
        "not_entitled",
        [],
    )
    assert world.when(deposit(2, by=patient(), replaces=unique_id(1))) == ("not_entitled", [])
    assert world.when(deposit(2, replaces=unique_id(1)))[0] == "accepted"


def test_the_patient_may_mask_but_not_touch_what_hides_from_him() -> None:
    world = World().given(deposit(1, invisiblePatient=True))
    show = operation("ChangeVisibility", 1, by=patient(), masquePs=True, invisiblePatient=False)
    assert world.when(show) == ("not_entitled", [])
    assert world.when(mask(1))[0] == "accepted"


# Replacement


def test_a_replacement_replaces() -> None:
    world = World().given(deposit(1))
    assert world.when(deposit(2, replaces=unique_id(1))) == ("accepted", [SUBMITTED, REPLACED])
    assert world.state(1).status == DocumentStatus.DEPRECATED
    assert world.events[-1].datum["replacedBy"] == unique_id(2)


def test_a_replacement_that_comes_first_is_stored_and_its_target_comes_replaced() -> None:
    world = World()
    assert world.when(deposit(2, replaces=unique_id(1))) == ("accepted", FIRST)
    assert world.when(deposit(1)) == ("accepted", [SUBMITTED, REPLACED])
    assert world.state(1).status == DocumentStatus.DEPRECATED
    assert world.when(deposit(1)) == ("duplicate", [])


def test_replacing_another_persons_document_is_refused() -> None:
    world = World().given(deposit(1, matricule=BRUNO))
    assert world.when(deposit(2, replaces=unique_id(1))) == ("target_of_other_person", [])


def test_a_waiting_link_to_another_persons_document_comes_to_nothing() -> None:
    world = World().given(deposit(2, replaces=unique_id(1)))
    assert world.when(deposit(1, matricule=BRUNO)) == ("accepted", FIRST)
    assert world.state(1).status == DocumentStatus.APPROVED


def test_a_waiting_link_by_somebody_not_entitled_comes_to_nothing() -> None:
    world = World().given(deposit(2, by=stranger(), replaces=unique_id(1)))
    assert world.when(deposit(1)) == ("accepted", [SUBMITTED])


def test_a_forked_chain_is_stored_in_both_branches() -> None:
    world = World().given(deposit(1), deposit(2, replaces=unique_id(1)))
    assert world.when(deposit(3, replaces=unique_id(1))) == ("accepted", [SUBMITTED, REPLACED])
    assert world.state(2).status == world.state(3).status == DocumentStatus.APPROVED


def test_a_deleted_document_is_not_replaced() -> None:
    world = World().given(deposit(1), operation("DeleteDocument", 1))
    assert world.when(deposit(2, replaces=unique_id(1))) == ("target_deleted", [])


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
def test_a_circle_of_replacements_never_hides_all_of_them(order: tuple[int, ...]) -> None:
    circle = {1: 2, 2: 3, 3: 1}
    world = World().given(*(deposit(n, replaces=unique_id(circle[n])) for n in order))
    statuses = [world.state(n).status for n in (1, 2, 3)]
    assert statuses.count(DocumentStatus.APPROVED) == 1


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
def test_a_chain_ends_the_same_in_every_order_of_arrival(order: tuple[int, ...]) -> None:
    chain = {1: None, 2: unique_id(1), 3: unique_id(2)}
    world = World().given(*(deposit(n, replaces=chain[n]) for n in order))
    assert [world.state(n).status for n in (1, 2, 3)] == [
        DocumentStatus.DEPRECATED,
        DocumentStatus.DEPRECATED,
        DocumentStatus.APPROVED,
    ]


# The patient's mask and the versions of a document


def test_the_patients_mask_passes_to_the_replacement() -> None:
    world = World().given(deposit(1), mask(1))
    assert world.when(deposit(2, replaces=unique_id(1)))[1] == [SUBMITTED, REPLACED, CHANGED]
    assert world.events[-1].datum["inheritedFrom"] == unique_id(1)
    assert world.state(2).flags == DocumentFlags.MASQUE_PS | DocumentFlags.MASQUE_PS_BY_PATIENT


def test_a_professionals_mask_and_other_flags_are_what_the_new_message_says() -> None:
    world = World().given(deposit(1, masquePs=True, invisiblePatient=True))
    assert world.when(deposit(2, replaces=unique_id(1)))[1] == [SUBMITTED, REPLACED]
    assert world.state(2).flags == DocumentFlags(0)


def test_a_later_mask_or_unmask_of_a_replaced_document_passes_to_all_its_successors() -> None:
    world = World().given(
        deposit(1),
        deposit(2, replaces=unique_id(1)),
        deposit(3, replaces=unique_id(2)),
        deposit(4, replaces=unique_id(1)),
    )
    assert world.when(mask(1)) == ("accepted", [CHANGED] * 4)
    assert all(world.state(n).flags & DocumentFlags.MASQUE_PS_BY_PATIENT for n in (1, 2, 3, 4))
    assert world.when(mask(1, on=False)) == ("accepted", [CHANGED] * 4)
    assert not any(world.state(n).flags for n in (1, 2, 3, 4))


def test_a_professionals_mask_of_a_replaced_document_stays_with_it() -> None:
    world = World().given(deposit(1), deposit(2, replaces=unique_id(1)))
    assert world.when(mask(1, by=stranger())) == ("accepted", [CHANGED])
    assert not world.state(2).flags


def test_the_patient_makes_a_professionals_mask_his_own() -> None:
    world = World().given(deposit(1, masquePs=True))
    assert world.when(mask(1)) == ("accepted", [CHANGED])
    assert world.when(deposit(2, replaces=unique_id(1)))[1] == [SUBMITTED, REPLACED, CHANGED]


def test_a_mask_in_the_patients_own_deposit_passes_to_a_version_that_came_first() -> None:
    own: dict[str, Any] = {
        "authors": [{**deposit(1)[1]["document"]["authors"][0], "id": f"{OID}^{ANNA}"}]
    }
    world = World().given(deposit(2, by=patient(), replaces=unique_id(1), **own))
    first = deposit(1, by=patient(), masquePs=True, **own)
    assert world.when(first) == ("accepted", [SUBMITTED, REPLACED, CHANGED])
    assert world.state(2).flags & DocumentFlags.MASQUE_PS_BY_PATIENT


# Records


def test_an_opposition_for_an_unknown_ins_creates_an_opposed_record() -> None:
    world = World()
    assert world.when(record_message("OpposeFeeding")) == ("accepted", ["record_opposed"])
    assert world.when(deposit(1)) == ("opposed", [])
    assert world.when(record_message("WithdrawOpposition"))[0] == "accepted"
    assert world.when(deposit(1)) == ("accepted", FIRST)


def test_a_record_closed_before_its_first_document_is_closed_to_it() -> None:
    """Between topics no order holds: the closing may be read before what opens the record."""
    world = World()
    assert world.when(record_message("CloseRecord")) == ("accepted", ["record_closed"])
    assert world.when(record_message("CloseRecord")) == ("unchanged", [])
    assert world.when(deposit(1)) == ("record_closed", [])
    assert world.when(record_message("OpenRecord")) == ("accepted", ["record_opened"])
    assert world.when(deposit(1)) == ("accepted", [SUBMITTED])


def test_a_record_activated_before_its_first_document_is_activated_and_opened_by_it() -> None:
    world = World()
    assert world.when(record_message("ActivateRecord")) == ("accepted", ["record_activated"])
    assert world.when(deposit(1)) == ("accepted", FIRST)
    assert world.record(ANNA_INS) == RecordFlags.OPENED | RecordFlags.ACTIVATED


RECORD_OPERATIONS = (
    *("CloseRecord", "ActivateRecord", "OpposeFeeding", "WithdrawOpposition"),
    *("RevokeIdentity", "DeclareIdentity", "OpenRecord"),
)


@pytest.mark.parametrize("name", RECORD_OPERATIONS)
def test_a_message_on_a_record_leaves_it_the_same_before_or_after_a_first_document(
    name: str,
) -> None:
    before, after = World(), World()
    first, message = deposit(1), record_message(name)
    statuses = {before.when(message)[0], after.given(first).when(message)[0]}
    before.when(first)
    opened = ~RecordFlags.OPENED.value
    assert before.record(ANNA_INS) & opened == after.record(ANNA_INS) & opened
    assert statuses <= {"accepted", "unchanged"}


def test_closing_and_opening_again() -> None:
    world = World()
    world.given(record_message("OpenRecord"), record_message("CloseRecord"))
    assert world.when(record_message("CloseRecord")) == ("unchanged", [])
    assert world.when(record_message("ActivateRecord")) == ("record_closed", [])
    assert world.when(record_message("OpenRecord")) == ("accepted", ["record_opened"])
    assert world.when(record_message("OpenRecord")) == ("unchanged", [])
    assert world.when(record_message("ActivateRecord"))[0] == "accepted"
    assert world.when(record_message("ActivateRecord")) == ("unchanged", [])


def test_declaring_the_identity_clears_the_revocation() -> None:
    world = World().given(deposit(1), record_message("RevokeIdentity", status="VALIDEE"))
    assert world.when(record_message("RevokeIdentity")) == ("unchanged", [])
    assert world.when(deposit(2)) == ("identity_revoked", [])
    assert world.when(record_message("DeclareIdentity", insiRequestedAt=1))[0] == "accepted"
    assert world.when(deposit(2)) == ("accepted", [SUBMITTED])
    assert world.record(ANNA_INS) == RecordFlags.OPENED | RecordFlags.DECLARED


def test_withdrawing_what_was_not_said() -> None:
    """Whether a document came before on the other topic makes no difference."""
    world = World()
    assert world.when(record_message("WithdrawOpposition")) == ("unchanged", [])
    world.given(deposit(1))
    assert world.when(record_message("WithdrawOpposition")) == ("unchanged", [])


def test_linked_records_are_one_person_until_the_link_is_undone() -> None:
    world = World().given(deposit(1, matricule=BRUNO))
    assert world.when(record_message("LinkIns")) == ("accepted", ["record_linked"] * 2)
    assert world.when(record_message("LinkIns")) == ("unchanged", [])
    back = record_message("LinkIns", matricule=BRUNO, otherMatricule=ANNA)
    assert world.when(back) == ("unchanged", [])
    assert world.when(deposit(2, replaces=unique_id(1)))[0] == "accepted"
    assert world.when(record_message("UnlinkIns")) == ("accepted", ["record_unlinked"] * 2)
    assert world.when(record_message("UnlinkIns")) == ("unchanged", [])
    assert world.when(mask(1)) == ("target_of_other_person", [])


def test_a_decision_leaves_what_is_known_as_it_was() -> None:
    from ingest.decide.decide import decide

    world = World().given(deposit(1), mask(1))
    message = world.read(deposit(2, replaces=unique_id(1)))
    before = copy.deepcopy(world.view)
    before.installation = world.view.installation
    decide(world.view, message)
    assert world.view == before
