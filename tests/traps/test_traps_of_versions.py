"""Traps 11 to 18: the life of a document, and who hears of it."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.eventstore.keys.find_record import find_record
from ingest.runtime.postgres.database import connect, store_dsn
from projections import migrate_projections
from projections.timeline.display import as_json
from projections.timeline.query import timeline_of
from schemas.events import DocumentFlags, DocumentStatus
from tests.ingest.feed_messages import (
    DR_A,
    DR_B,
    HOSPITAL,
    LAB,
    actor,
    deposit,
    mask,
    operation,
    patient,
    stranger,
    unique_id,
)
from tests.ingest.ingest_site import Site
from tests.projections.stores import project
from tests.traps.space import AUTHOR, PATIENT, PROFESSIONAL, START, Message, Space


def hide(number: int, on: bool = True) -> Message:
    return operation("ChangeVisibility", number, invisiblePatient=on)


class TestTrap11:
    """Falling in: one of the three identifiers is the key: a mask makes another document of it, or
    a new version has nothing to do with the old.
    """

    def test_metadata_versions_are_events_and_versions_share_a_lineage(self) -> None:
        space = Space()
        space.say(deposit(1), mask(1), operation("ArchiveDocument", 1), mask(1, on=False))
        assert len(space.fold().rows) == 1
        before = space.row(1)
        assert space.say(deposit(2, replaces=unique_id(1))) == ["accepted"]
        assert space.row(2).lineage == space.row(1).lineage == before.lineage
        assert space.row(2).stream != before.stream
        assert space.say(deposit(1)) == ["duplicate"], "the producer's id is its own for ever"


class TestTrap12:
    """Falling in: whatever made old metadata obsolete counts as a replacement: the patient is told
    of a new version at each toggled flag, or the document is gone from his timeline.
    """

    def test_a_toggled_flag_is_no_new_version(self) -> None:
        space = Space()
        space.say(deposit(1))
        told = space.told()
        space.say(mask(1), mask(1, on=False), operation("ArchiveDocument", 1))
        space.say(operation("UnarchiveDocument", 1))
        assert space.sees() == [1]
        assert space.row(1).status == DocumentStatus.APPROVED
        assert space.told() == told == ["document_submitted"]


class TestTrap13:
    """Falling in: hubs that can only replace a document to change its flags make the patient hear
    of a new result each time; or the history of a hidden document ends with its replacement.
    """

    def test_a_replacement_that_only_changes_flags_is_no_new_result(self) -> None:
        space = Space()
        space.say(deposit(1))
        told = space.told()
        only_flags = deposit(2, replaces=unique_id(1), masquePs=True, visibility_only=True)
        assert space.say(only_flags) == ["accepted"]
        assert space.sees() == [2]
        assert space.sees(PROFESSIONAL) == []
        assert space.told() == told
        assert space.row(2).content_lineage == space.row(1).content_lineage
        space.say(deposit(3, replaces=unique_id(2)))
        assert len(space.told()) == len(told) + 1, "this one is a new result"

    def test_showing_a_hidden_result_in_this_way_announces_it_once(self) -> None:
        space = Space()
        space.say(deposit(1, invisiblePatient=True))
        assert space.told() == []
        space.say(deposit(2, replaces=unique_id(1), visibility_only=True))
        space.say(deposit(3, replaces=unique_id(2), invisiblePatient=True, visibility_only=True))
        space.say(deposit(4, replaces=unique_id(3), visibility_only=True))
        assert space.told() == ["document_submitted"]
        assert len(space.fold().rows) == 4, "its whole history is there"


class TestTrap14:
    """Falling in: whoever writes the old author into his new document may replace the old one; or
    only the first of several authors may.
    """

    def test_the_claims_of_the_caller_decide(self) -> None:
        space = Space()
        space.say(deposit(1))
        forged = deposit(2, by=stranger(), replaces=unique_id(1))
        assert forged[1]["document"]["authors"][0]["id"] == DR_A
        assert space.say(forged) == ["not_entitled"]
        assert space.say(operation("DeleteDocument", 1, by=stranger())) == ["not_entitled"]
        assert space.sees() == [1]

    def test_any_of_several_authors_may_and_so_may_his_organisation(self) -> None:
        first = deposit(1)[1]["document"]["authors"][0]
        second = {**first, "id": DR_B, "organisationId": None}
        third = {**first, "id": "1.2.250.1.71.4.2.1^811111111111", "organisationId": HOSPITAL}
        for number, by in enumerate(
            (actor(DR_B, "10", None), actor("1.2.250.1.71.4.2.1^822222222222", "10", HOSPITAL))
        ):
            space = Space()
            space.say(deposit(1, authors=[first, second, third]))
            assert space.say(deposit(2, by=by, replaces=unique_id(1))) == ["accepted"], number


class TestTrap15:
    """Falling in: a deposit is refused because its parent is unknown, waits for it for ever, or
    takes the place of a sister; or documents of one setId are taken for one chain.
    """

    def test_a_dangling_link_is_held_and_closed_when_the_parent_comes(self) -> None:
        space = Space()
        assert space.say(deposit(2, replaces=unique_id(1))) == ["accepted"]
        assert space.sees() == [2]
        told = space.told()
        assert space.say(deposit(1)) == ["accepted"]
        assert space.sees() == [2]
        assert space.told() == told, "nobody hears of what is past already"
        assert space.row(1).lineage == space.row(2).lineage

    def test_a_parent_that_never_was_hides_nothing(self) -> None:
        space = Space()
        assert space.say(deposit(2, replaces="1.2.250.1.999.404"), deposit(1)) == ["accepted"] * 2
        assert sorted(space.sees()) == [1, 2]

    def test_a_fork_shows_both_branches(self) -> None:
        space = Space()
        space.say(deposit(1), *(deposit(n, replaces=unique_id(1)) for n in (2, 3)))
        assert sorted(space.sees()) == [2, 3]

    def test_a_set_id_alone_links_nothing(self) -> None:
        space = Space()
        for number in (1, 2):
            space.say(deposit(number, setId="1.2.250.1.999.9", versionNumber=number))
        assert sorted(space.sees()) == [1, 2]
        assert space.row(1).lineage != space.row(2).lineage

    def test_a_circle_never_hides_all_of_it(self) -> None:
        space = Space()
        space.say(*(deposit(n, replaces=unique_id(n % 3 + 1)) for n in (1, 2, 3)))
        assert len(space.sees()) == 1


class TestTrap16:
    """Falling in: confidentiality is one value, so that unmasking shows the patient what waits to
    be announced to him; or a change of flags does not say which, by whom and when.
    """

    def test_flags_are_three_switches_beside_the_level(self) -> None:
        space = Space()
        everything: dict[str, Any] = {"masquePs": True, "invisiblePatient": True}
        space.say(deposit(1, **everything, invisibleRepresentantsLegaux=True))
        assert space.say(mask(1, on=False)) == ["accepted"]
        left = DocumentFlags.INVISIBLE_PATIENT | DocumentFlags.INVISIBLE_REPRESENTANTS_LEGAUX
        assert space.row(1).flags == left
        assert space.row(1).confidentiality == "N"
        assert space.sees() == []

    def test_each_flag_is_an_event_with_its_actor_and_time(self) -> None:
        space = Space()
        both = operation("ChangeVisibility", 1, masquePs=True, invisiblePatient=True)
        space.say(deposit(1), both, mask(1, on=False))
        said = space.said("document_visibility_changed")
        assert [(one["flag"], one["on"], one["byPatient"]) for one in said] == [
            ("MASQUE_PS", True, False),
            ("INVISIBLE_PATIENT", True, False),
            ("MASQUE_PS", False, True),
        ]
        assert said[0]["provenance"]["actor"]["organisationId"] == LAB
        assert said[2]["provenance"]["actor"]["id"] == patient()["id"]
        assert all(one["provenance"]["occurredAt"] for one in said)


class TestTrap17:
    """Falling in: what a reader may not see still counts, is announced, or stands in what a machine
    reads: absence is a wish, not a rule of every reader's view.
    """

    def test_a_hidden_document_is_absent_from_all_that_a_reader_gets(self, site: Site) -> None:
        migrate_projections(store_dsn(site.settings))
        site.write(
            deposit(1, title="open"),
            deposit(2, title="SECRET", invisiblePatient=True),
            deposit(3, title="MASKED", masquePs=True),
            deposit(4, title="GONE"),
            operation("DeleteDocument", 4),
        )
        project(site.settings)
        record = find_record(site.settings, "1.2.250.1.213.1.4.10|279035121518989")
        assert record is not None
        with connect(store_dsn(site.settings), application_name="test") as conn:
            for reader, titles in (
                (PATIENT, {"open", "MASKED"}),
                (PROFESSIONAL, {"open", "SECRET"}),
            ):
                seen = as_json(timeline_of(conn, record, reader, START), "x", START, archived=True)
                documents = [each for day in seen["days"] for each in day["documents"]]
                assert {each["title"] for each in documents} == titles
                assert (seen["count"], seen["archivedCount"]) == (2, 0)
                for absent in {"open", "MASKED", "SECRET", "GONE"} - titles:
                    assert absent not in str(seen)

    def test_the_author_keeps_his_masked_document_and_nobody_hears_of_a_hidden_one(self) -> None:
        space = Space()
        space.say(deposit(1, masquePs=True), deposit(2, invisiblePatient=True))
        assert space.sees(PROFESSIONAL) == [2]
        assert sorted(space.sees(AUTHOR)) == [1, 2]
        assert space.told() == ["document_submitted"]


class TestTrap18:
    """Falling in: the patient hears of a result at its deposit, before the doctor told him; or
    never, since showing it is "only a flag"; or it stands at the day on which it was shown.
    """

    def test_a_result_is_announced_when_it_is_shown_and_dated_by_its_act(self) -> None:
        space = Space()
        act = "20240104150000+0100"
        space.say(deposit(1, invisiblePatient=True, serviceStartTime=act))
        space.say(deposit(2, serviceStartTime="20240201"))
        assert space.sees() == [2]
        assert space.told() == ["document_submitted"]
        assert space.say(hide(1, on=False)) == ["accepted"]
        assert space.sees() == [2, 1]
        assert space.told() == ["document_submitted", "document_visibility_changed"]
        assert space.row(1).act == act
        space.say(hide(1), hide(1, on=False))
        assert len(space.told()) == 2, "once for ever"

    @pytest.mark.parametrize("shown", [True, False])
    def test_the_patient_cannot_show_himself_what_is_hidden_from_him(self, shown: bool) -> None:
        space = Space()
        space.say(deposit(1, invisiblePatient=True))
        message = operation("ChangeVisibility", 1, by=patient(), invisiblePatient=not shown)
        assert space.say(message) == ["not_entitled"]
