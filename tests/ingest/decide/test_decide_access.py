"""Who gets access to a record, who loses it, and what a consultation needs (SPEC d.5, h)."""

from __future__ import annotations

import pytest

from schemas.policy.may_do import Policy
from tests.ingest.access_given import (
    CHILD,
    SAID_AT,
    SIX_MONTHS,
    access_message,
    doctor,
    machine,
    representative,
)
from tests.ingest.decide.deciding import World
from tests.ingest.feed_messages import (
    ANNA,
    BRUNO,
    DR_A,
    DR_B,
    HOSPITAL,
    LAB,
    TRAITS,
    deposit,
    mask,
    patient,
    record_message,
)

YEAR = 365 * 24 * 3600 * 1000
SECRET = Policy(secret_access=True)


def last(world: World) -> dict[str, object]:
    return dict(world.events[-1].datum)


def opened() -> World:
    return World().given(record_message("OpenRecord"))


def child(policy: Policy = SECRET) -> World:
    world = opened()
    world.install(policy=policy)
    return world.given(record_message("DeclareIdentity", traits=CHILD))


# Authorisation


def test_an_authorisation_lasts_six_months_by_the_calendar_unless_another_end_is_said() -> None:
    world = World()
    assert world.when(access_message("AuthoriseAccess")) == ("accepted", ["access_authorised"])
    assert last(world)["until"] == SIX_MONTHS
    assert world.when(access_message("AuthoriseAccess", until=SAID_AT + 1))[0] == "accepted"
    assert last(world)["until"] == SAID_AT + 1


def test_a_renewal_is_an_event_and_the_same_end_again_is_not() -> None:
    world = World().given(access_message("AuthoriseAccess"))
    assert world.when(access_message("AuthoriseAccess")) == ("unchanged", [])
    later = access_message("AuthoriseAccess", said_at=SAID_AT + YEAR)
    assert world.when(later) == ("accepted", ["access_authorised"])


def test_an_authorisation_is_withdrawn_once() -> None:
    world = World()
    assert world.when(access_message("WithdrawAccess")) == ("unchanged", [])
    world.given(access_message("AuthoriseAccess"))
    assert world.when(access_message("WithdrawAccess")) == ("accepted", ["access_withdrawn"])
    assert world.when(access_message("WithdrawAccess")) == ("unchanged", [])


@pytest.mark.parametrize("name", ["AuthoriseAccess", "WithdrawAccess"])
def test_a_professional_declares_the_consent_for_himself_or_his_organisation_only(
    name: str,
) -> None:
    world = World()
    for holder in (DR_A, LAB):
        message = access_message(name, by=doctor(), professionalId=holder)
        assert world.when(message)[0] in ("accepted", "unchanged")
    for holder in (DR_B, HOSPITAL):
        message = access_message(name, by=doctor(), professionalId=holder)
        assert world.when(message) == ("not_entitled_on_record", [])


def test_access_is_given_under_a_qualified_identity_that_was_not_revoked() -> None:
    world = World().given(record_message("RevokeIdentity"))
    assert world.when(access_message("AuthoriseAccess")) == ("identity_revoked", [])
    world.given(record_message("DeclareIdentity", insiRequestedAt=1))
    assert world.when(access_message("AuthoriseAccess"))[0] == "accepted"


def test_access_is_not_given_to_a_closed_record_and_is_taken_from_it() -> None:
    world = World().given(access_message("AuthoriseAccess"), record_message("CloseRecord"))
    assert world.when(access_message("AuthoriseAccess", until=SAID_AT + 5)) == ("record_closed", [])
    assert world.when(access_message("WithdrawAccess"))[0] == "accepted"


# Block


def test_a_block_takes_away_what_the_professional_had_and_its_end_gives_nothing_back() -> None:
    world = World().given(
        access_message("AuthoriseAccess"), access_message("DesignateAttendingPhysician")
    )
    assert world.when(access_message("BlockProfessional")) == (
        "accepted",
        ["professional_blocked", "access_withdrawn", "attending_physician_ended"],
    )
    assert world.when(access_message("BlockProfessional")) == ("unchanged", [])
    unblocking = access_message("UnblockProfessional")
    assert world.when(unblocking) == ("accepted", ["professional_unblocked"])
    assert world.when(access_message("UnblockProfessional")) == ("unchanged", [])
    assert world.when(access_message("WithdrawAccess")) == ("unchanged", [])
    assert world.when(access_message("EndAttendingPhysician")) == ("unchanged", [])


def test_access_is_not_given_to_who_is_blocked() -> None:
    world = World().given(access_message("BlockProfessional"))
    for name in ("AuthoriseAccess", "DesignateAttendingPhysician"):
        assert world.when(access_message(name)) == ("professional_blocked", [])
    assert world.when(access_message("AuthoriseAccess", professionalId=DR_B))[0] == "accepted"


@pytest.mark.parametrize("name", ["BlockProfessional", "UnblockProfessional"])
@pytest.mark.parametrize("by", [doctor(), machine(), patient(BRUNO)])
def test_nobody_but_the_patient_and_his_representative_blocks(
    name: str, by: dict[str, object]
) -> None:
    assert child().when(access_message(name, by=by)) == ("not_entitled_on_record", [])


# Médecin traitant


def test_there_is_one_attending_physician() -> None:
    world = World()
    name = "DesignateAttendingPhysician"
    assert world.when(access_message(name))[0] == "accepted"
    assert world.when(access_message(name)) == ("unchanged", [])
    other = access_message(name, professionalId=DR_B)
    ended_and_named = ["attending_physician_ended", "attending_physician_designated"]
    assert world.when(other) == ("accepted", ended_and_named)
    assert [event.datum["professionalId"] for event in world.events[-2:]] == [DR_A, DR_B]
    assert world.when(access_message("EndAttendingPhysician")) == ("unchanged", [])
    ending = access_message("EndAttendingPhysician", professionalId=DR_B)
    assert world.when(ending) == ("accepted", ["attending_physician_ended"])


def test_a_physician_declares_himself_and_nobody_else() -> None:
    name = "DesignateAttendingPhysician"
    assert World().when(access_message(name, by=doctor()))[0] == "accepted"
    other = access_message(name, by=doctor(), professionalId=DR_B)
    assert World().when(other) == ("not_entitled_on_record", [])


# Consultation


def test_a_consultation_is_traced_with_who_when_what_and_how() -> None:
    world = opened()
    assert world.when(access_message("RecordAccess")) == ("accepted", ["record_accessed"])
    said = last(world)
    assert (said["mode"], said["action"], said["outcome"]) == ("NORMAL", "READ", "GRANTED")
    assert said["accessedAt"] == SAID_AT - 1000
    assert said["provenance"]["actor"]["id"] == DR_A  # type: ignore[index]


def test_there_is_nothing_to_consult_where_there_is_no_record() -> None:
    assert World().when(access_message("RecordAccess")) == ("record_unknown", [])


def test_a_closed_record_is_not_opened_by_break_glass() -> None:
    world = opened().given(record_message("CloseRecord"))
    assert world.when(access_message("RecordAccess", mode="BREAK_GLASS")) == ("record_closed", [])
    assert world.when(access_message("RecordAccess"))[0] == "accepted"


@pytest.mark.parametrize("mode", ["BREAK_GLASS", "REGULATION"])
def test_who_opposed_an_emergency_access_beforehand_is_not_read_that_way(mode: str) -> None:
    world = opened().given(access_message("OpposeEmergencyAccess", access=mode))
    assert world.when(access_message("OpposeEmergencyAccess", access=mode)) == ("unchanged", [])
    assert world.when(access_message("RecordAccess", mode=mode)) == ("emergency_opposed", [])
    refused = access_message("RecordAccess", mode=mode, outcome="REFUSED")
    assert world.when(refused) == ("accepted", ["record_accessed"])
    other = {"BREAK_GLASS": "REGULATION", "REGULATION": "BREAK_GLASS"}[mode]
    assert world.when(access_message("RecordAccess", mode=other))[0] == "accepted"
    world.given(access_message("WithdrawEmergencyOpposition", access=mode))
    assert world.when(access_message("RecordAccess", mode=mode))[0] == "accepted"
    again = access_message("WithdrawEmergencyOpposition", access=mode)
    assert world.when(again) == ("unchanged", [])


def test_only_the_person_takes_his_opposition_to_emergency_access_back() -> None:
    world = World()
    assert world.when(access_message("OpposeEmergencyAccess", by=doctor()))[0] == "accepted"
    withdrawal = access_message("WithdrawEmergencyOpposition", by=doctor())
    assert world.when(withdrawal) == ("not_entitled_on_record", [])


@pytest.mark.parametrize("holder", [DR_A, LAB])
@pytest.mark.parametrize("mode", ["BREAK_GLASS", "REGULATION", "SECRET"])
def test_a_block_wins_over_every_exceptional_access(mode: str, holder: str) -> None:
    world = child().given(access_message("BlockProfessional", professionalId=holder))
    message = access_message("RecordAccess", mode=mode)
    assert world.when(message) == ("professional_blocked", [])


@pytest.mark.parametrize("by", [patient(), machine()])
def test_exceptional_accesses_are_for_professionals(by: dict[str, object]) -> None:
    message = access_message("RecordAccess", mode="BREAK_GLASS", by=by)
    assert opened().when(message) == ("not_entitled_on_record", [])
    assert opened().when(access_message("RecordAccess", by=by))[0] == "accepted"


def test_a_secret_connection_needs_the_function_and_a_minor() -> None:
    message = access_message("RecordAccess", mode="SECRET")
    assert child(Policy()).when(message) == ("secret_access_disabled", [])
    assert child().when(message) == ("accepted", ["record_accessed"])
    unknown = opened()
    unknown.install(policy=SECRET)
    assert unknown.when(access_message("RecordAccess", mode="SECRET")) == ("person_not_minor", [])
    adult = child().given(record_message("DeclareIdentity", traits=TRAITS))
    assert adult.when(access_message("RecordAccess", mode="SECRET")) == ("person_not_minor", [])


def test_majority_comes_by_the_calendar() -> None:
    last_day = 2_000_000_000_000
    born = {**CHILD, "birthDate": "20150518"}  # last_day is 2033-05-18 in Paris
    world = opened().given(record_message("DeclareIdentity", traits=born))
    world.install(policy=SECRET)
    for at, answer in ((last_day - 86_400_000, "accepted"), (last_day, "person_not_minor")):
        message = access_message("RecordAccess", mode="SECRET", said_at=at, accessedAt=at)
        assert world.when(message)[0] == answer


# Representatives


def test_a_representative_acts_for_a_minor_only() -> None:
    message = access_message("BlockProfessional", by=representative())
    assert opened().when(message) == ("person_not_minor", [])
    assert child().when(message)[0] == "accepted"
    adult = opened().given(record_message("DeclareIdentity"))
    assert adult.when(access_message("BlockProfessional", by=representative())) == (
        "person_not_minor",
        [],
    )


def test_of_linked_records_the_earliest_birth_date_counts_whatever_was_declared_last() -> None:
    """As in reading: a child linked to an adult by mistake gives nobody rights over the adult."""
    message = access_message("BlockProfessional", by=representative())
    for first, then in ((TRAITS, CHILD), (CHILD, TRAITS)):
        world = opened().given(
            record_message("DeclareIdentity", traits=first),
            record_message("DeclareIdentity", matricule=BRUNO, traits=then),
            record_message("LinkIns"),
        )
        assert world.when(message) == ("person_not_minor", [])
        world.given(record_message("UnlinkIns"))
        assert world.when(message)[0] == ("accepted" if first is CHILD else "person_not_minor")


def test_the_majority_of_a_person_ends_all_acts_of_representatives_on_the_record() -> None:
    name, datum = record_message("OpposeFeeding")
    datum["provenance"]["actor"] = representative()
    assert child().when((name, datum))[0] == "accepted"
    assert opened().when((name, datum)) == ("person_not_minor", [])


@pytest.mark.parametrize("name", ["mask", "unmask"])
def test_majority_ends_what_a_representative_says_on_documents(name: str) -> None:
    """Known by a declared birth date; a mask for a person of unknown age still protects him."""
    said = {"mask": True, "unmask": False}[name]
    answers = {}
    for age, traits in (("unknown", None), ("minor", CHILD), ("adult", TRAITS)):
        world = opened()
        if traits is not None:
            world.given(record_message("DeclareIdentity", traits=traits))
        world.given(deposit(1, masquePs=not said))
        answers[age] = world.when(mask(1, said, by=representative()))[0]
    assert answers == {"unknown": "accepted", "minor": "accepted", "adult": "person_not_minor"}


def test_what_a_representative_says_on_a_document_rests_on_the_declared_age() -> None:
    from ingest.decide.decide import decide
    from ingest.facts.decision import Decision

    world = opened().given(deposit(1))
    record = next(iter(world.view.refs.values())).record
    for by, records in ((representative(), (record,)), (patient(), ())):
        found = decide(world.view, world.read(mask(1, by=by)))
        assert isinstance(found, Decision)
        assert found.records == records


# The whole person


def test_what_was_said_under_one_ins_holds_under_the_others_while_they_are_linked() -> None:
    world = opened().given(
        record_message("OpenRecord", matricule=BRUNO),
        access_message("BlockProfessional", matricule=BRUNO),
        access_message("OpposeEmergencyAccess", matricule=BRUNO),
    )
    assert world.when(access_message("AuthoriseAccess", until=SAID_AT + 1))[0] == "accepted"
    world.given(record_message("LinkIns"))
    assert world.when(access_message("AuthoriseAccess")) == ("professional_blocked", [])
    emergency = access_message("RecordAccess", mode="BREAK_GLASS", by=doctor(DR_B, HOSPITAL))
    assert world.when(emergency) == ("emergency_opposed", [])
    assert world.when(access_message("UnblockProfessional"))[0] == "accepted"
    assert world.when(access_message("UnblockProfessional", matricule=BRUNO)) == ("unchanged", [])
    world.given(record_message("UnlinkIns"))
    assert world.when(access_message("UnblockProfessional", matricule=BRUNO))[0] == "accepted"


def test_a_decision_rests_on_all_records_of_the_person() -> None:
    from ingest.decide.decide import decide
    from ingest.facts.decision import Decision

    world = opened().given(record_message("LinkIns"))
    found = decide(world.view, world.read(access_message("BlockProfessional")))
    assert isinstance(found, Decision)
    refs = world.view.refs
    key = f"{record_message('OpenRecord')[1]['ins']['oid']}|"
    assert set(found.records) == {refs[key + ANNA].record, refs[key + BRUNO].record}


# Death


def test_after_a_death_nothing_is_fed_and_the_recovery_of_old_documents_is_told_why() -> None:
    world = World().given(deposit(1), record_message("CloseRecord", reasonCode="DEATH"))
    assert world.when(deposit(2)) == ("record_closed", [])
    name, old = deposit(3)
    old["provenance"] = {**old["provenance"], "channel": "HISTORICAL"}
    assert world.when((name, old)) == ("person_deceased", [])
    assert world.when(deposit(1))[0] == "duplicate"


def test_a_death_is_told_of_a_closed_record_too_and_only_once() -> None:
    world = opened().given(record_message("CloseRecord"))
    death = record_message("CloseRecord", reasonCode="DEATH")
    assert world.when(death) == ("accepted", ["record_closed"])
    assert world.when(record_message("CloseRecord", reasonCode="DEATH")) == ("unchanged", [])
    assert world.when(record_message("CloseRecord")) == ("unchanged", [])


@pytest.mark.parametrize("reason", ["DEATH", "IDENTITY_ERROR"])
def test_a_closure_by_a_fact_is_undone_by_who_establishes_facts(reason: str) -> None:
    for by, answer in (
        (patient(), "not_entitled_on_record"),
        (doctor(), "accepted"),
        (machine(), "accepted"),
    ):
        world = opened().given(record_message("CloseRecord", reasonCode=reason))
        name, datum = record_message("OpenRecord")
        datum["provenance"]["actor"] = by
        assert world.when((name, datum))[0] == answer
        closing, said = record_message("CloseRecord", reasonCode=reason)
        said["provenance"]["actor"] = by
        assert opened().when((closing, said))[0] == answer


def test_a_closure_that_was_asked_for_is_undone_by_the_person_or_a_professional() -> None:
    for by, answer in (
        (patient(), "accepted"),
        (doctor(), "accepted"),
        (machine(), "not_entitled_on_record"),
    ):
        world = opened().given(record_message("CloseRecord"))
        name, datum = record_message("OpenRecord")
        datum["provenance"]["actor"] = by
        assert world.when((name, datum))[0] == answer
