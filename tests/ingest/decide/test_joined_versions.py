"""Versions of a document that lie on two records: what a link does to them, and its undoing."""

from __future__ import annotations

from typing import Any

from schemas.events import DocumentFlags, DocumentStatus
from schemas.forms.stream_ids import document_stream
from schemas.heads import Head
from tests.ingest.decide.deciding import World
from tests.ingest.feed_messages import (
    BRUNO,
    CLARA,
    deposit,
    mask,
    operation,
    patient,
    record_message,
    stranger,
    unique_id,
)
from tests.ingest.ingest_site import Site, answers

SUBMITTED, REPLACED = "document_submitted", "document_replaced"
CHANGED, LINKED = "document_visibility_changed", "record_linked"
BY_PATIENT = DocumentFlags.MASQUE_PS | DocumentFlags.MASQUE_PS_BY_PATIENT
UNLINK = record_message("UnlinkIns")


def link(number: int = 0, **fields: Any) -> tuple[str, dict[str, Any]]:
    return record_message("LinkIns", **fields)


def apart() -> World:
    """Version 2 of Anna came first; what it replaces proves to be Bruno's: they are two persons."""
    return World().given(deposit(2, replaces=unique_id(1)), deposit(1, matricule=BRUNO))


def test_a_link_replaces_what_a_waiting_version_named() -> None:
    world = apart()
    assert world.state(1).status == DocumentStatus.APPROVED
    assert world.when(link()) == ("accepted", [LINKED, LINKED, REPLACED])
    assert world.state(1).status == DocumentStatus.DEPRECATED
    assert world.events[-1].datum["replacedBy"] == unique_id(2)
    assert world.when(deposit(1, matricule=BRUNO)) == ("duplicate", [])


def test_both_orders_of_the_link_and_of_the_versions_end_the_same() -> None:
    first = World().given(link(), deposit(2, replaces=unique_id(1)), deposit(1, matricule=BRUNO))
    second = apart().given(link())
    third = World().given(deposit(2, replaces=unique_id(1)), link(), deposit(1, matricule=BRUNO))
    for number in (1, 2):
        assert first.state(number) == second.state(number) == third.state(number)


def test_a_version_by_somebody_not_entitled_stays_beside_the_other() -> None:
    world = World().given(
        deposit(2, by=stranger(), replaces=unique_id(1)), deposit(1, matricule=BRUNO)
    )
    assert world.when(link()) == ("accepted", [LINKED, LINKED])


def test_a_deleted_document_is_not_replaced_by_a_link() -> None:
    world = apart().given(operation("DeleteDocument", 1, matricule=BRUNO))
    assert world.when(link()) == ("accepted", [LINKED, LINKED])
    assert world.state(1).status == DocumentStatus.DELETED


def test_a_link_passes_the_patients_mask_to_the_version_it_joins() -> None:
    world = apart().given(mask(1, by=patient(BRUNO), matricule=BRUNO))
    assert world.when(link()) == ("accepted", [LINKED, LINKED, REPLACED, CHANGED])
    assert world.state(2).flags == BY_PATIENT


def test_versions_of_three_records_are_joined_by_the_link_that_makes_them_one_person() -> None:
    """The two whose versions it joins are not those it names."""
    world = World().given(
        deposit(2, replaces=unique_id(1)),
        deposit(1, matricule=CLARA),
        deposit(9, matricule=BRUNO),
        link(matricule=BRUNO, otherMatricule=CLARA),
    )
    assert world.when(link()) == ("accepted", [LINKED, LINKED, REPLACED])


def test_a_circle_over_two_records_never_hides_both() -> None:
    world = World().given(deposit(1, replaces=unique_id(2)))
    world.given(deposit(2, matricule=BRUNO))
    assert world.when(link()) == ("accepted", [LINKED, LINKED, REPLACED])
    circle = World().given(
        deposit(1, replaces=unique_id(2)), deposit(2, matricule=BRUNO, replaces=unique_id(3))
    )
    circle.given(deposit(3, replaces=unique_id(1)))
    circle.when(link())
    statuses = [circle.state(number).status for number in (1, 2, 3)]
    assert statuses.count(DocumentStatus.APPROVED) == 1


def undone() -> World:
    """Anna's version 2 replaced Bruno's 1 while they were linked by mistake."""
    return World().given(
        deposit(1, matricule=BRUNO), link(), deposit(2, replaces=unique_id(1)), UNLINK
    )


def test_once_a_link_is_undone_a_mask_does_not_pass_to_the_other_person() -> None:
    world = undone()
    assert world.when(mask(1, by=patient(BRUNO), matricule=BRUNO)) == ("accepted", [CHANGED])
    assert world.state(2).flags == DocumentFlags(0)


def test_once_a_link_is_undone_what_was_replaced_is_current_and_can_be_archived() -> None:
    world = undone()
    archive = operation("ArchiveDocument", 1, matricule=BRUNO)
    assert world.when(archive) == ("accepted", ["document_archived"])
    again = operation("ArchiveDocument", 1, matricule=BRUNO)
    assert world.when(again) == ("unchanged", [])
    back = operation("UnarchiveDocument", 1, matricule=BRUNO)
    assert world.when(back) == ("accepted", ["document_unarchived"])


def test_what_was_archived_before_it_was_replaced_can_be_taken_out_after_the_undoing() -> None:
    world = World().given(
        deposit(1, matricule=BRUNO),
        operation("ArchiveDocument", 1, matricule=BRUNO),
        link(),
        deposit(2, replaces=unique_id(1)),
    )
    back = operation("UnarchiveDocument", 1, matricule=BRUNO)
    assert world.when(back) == ("unchanged", [])
    world.given(UNLINK)
    assert world.when(operation("UnarchiveDocument", 1, matricule=BRUNO))[0] == "accepted"


def test_linked_again_the_mask_set_meanwhile_passes() -> None:
    world = undone().given(mask(1, by=patient(BRUNO), matricule=BRUNO))
    assert world.when(link()) == ("accepted", [LINKED, LINKED, CHANGED])
    assert world.state(2).flags == BY_PATIENT
    assert world.state(1).status == DocumentStatus.DEPRECATED


# The same, read from the store


def state(site: Site, number: int) -> Head | None:
    stream = document_stream(unique_id(number))
    head = site.store.reading.heads([stream]).get(stream)
    if head is None:
        return None
    return Head(
        *(head.record, head.version, head.status, head.flags, head.authors, head.replaced_by)
    )


def test_the_reader_brings_all_that_a_link_may_join(site: Site) -> None:
    site.write(deposit(2, replaces=unique_id(1)), deposit(1, matricule=BRUNO))
    site.write(deposit(3, replaces=unique_id(2)), mask(1, by=patient(BRUNO), matricule=BRUNO))
    assert site.write(link()) == ["accepted"]
    assert site.names()[-5:] == [LINKED, LINKED, REPLACED, CHANGED, CHANGED]
    found = [state(site, number) for number in (1, 2, 3)]
    assert [one.status for one in found if one] == [
        DocumentStatus.DEPRECATED,
        DocumentStatus.DEPRECATED,
        DocumentStatus.APPROVED,
    ]
    assert all(one and one.flags & BY_PATIENT == BY_PATIENT for one in found)
    assert site.store.auditing.verify_streams() == []


def test_the_reader_brings_whose_the_successors_are(site: Site) -> None:
    site.write(deposit(1, matricule=BRUNO))
    site.write(link())
    site.write(deposit(2, replaces=unique_id(1)))
    site.write(UNLINK)
    archive = operation("ArchiveDocument", 1, matricule=BRUNO)
    assert site.write(archive, mask(1, by=patient(BRUNO), matricule=BRUNO)) == ["accepted"] * 2
    second = state(site, 2)
    assert second is not None
    assert second.flags == DocumentFlags(0)


def test_a_document_that_comes_while_its_link_is_written_is_seen(site: Site) -> None:
    """Whoever commits second decides again: the version that waited is replaced exactly once."""
    from ingest.read.arrivals import Arrival

    site.write(deposit(2, replaces=unique_id(1)), deposit(8, matricule=CLARA))
    late = site.parts(deposit(1, matricule=CLARA))
    joining = site.parts(link(otherMatricule=CLARA))
    raced: list[list[str]] = []

    def meanwhile(arrivals: list[Arrival]) -> None:
        if not raced:
            raced.append(answers(site.writer().write(late)))

    written = site.writer().write(joining, meanwhile)  # type: ignore[arg-type]
    assert raced == [["accepted"]]
    assert written.races == 1
    assert site.names()[-1] == REPLACED
    assert site.names().count(REPLACED) == 1
