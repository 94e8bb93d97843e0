"""Traps 1 to 7: who a document is about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingest.eventstore.keys.find_record import find_record
from ingest.runtime.postgres.database import connect, store_dsn
from projections import migrate_projections
from projections.builds import live_build
from projections.notifications.tables import NotificationTables
from projections.timeline.query import timeline_of
from schemas.cda import read_cda
from schemas.cda.document import CdaDocument
from schemas.forms.identity import INS_NIR, INS_NIR_DEMO, INS_NIR_TEST, accepted_oids
from tests.ingest import feed_messages as feed
from tests.ingest.feed_messages import (
    ANNA,
    BRUNO,
    OID,
    deposit,
    operation,
    record_message,
    unique_id,
)
from tests.ingest.ingest_site import Site
from tests.projections.stores import project
from tests.traps.space import PATIENT, START, Space

CORSICA = ("185052A00412356", "270112B03304275")


class TestTrap01:
    """Falling in: the matricule is a number (`int`, `\\d{15}`): 2A and 2B are refused, keys 01 to
    09 and years 00 lose their zeros, or the letter is stored as a digit.
    """

    @pytest.mark.parametrize("matricule", [*CORSICA, "100019912777778"])
    def test_corsican_matricules_and_year_00_are_kept_as_written(self, matricule: str) -> None:
        space = Space()
        assert space.say(deposit(1, matricule=matricule)) == ["accepted"]
        (opened,) = space.said("record_opened")
        assert opened["ins"]["matricule"] == matricule
        assert space.sees(matricule=matricule) == [1]

    def test_the_letter_counts_in_the_key(self) -> None:
        as_digits = CORSICA[0].replace("2A", "19")
        assert Space().say(deposit(1, matricule=as_digits)) == ["accepted"]  # somebody else
        as_other_letter = CORSICA[0].replace("2A", "2B")
        assert Space().say(deposit(1, matricule=as_other_letter)) == ["ins_key_wrong"]


class TestTrap02:
    """Falling in: a stream per 15 digits: a person of the demo becomes one of the test; or a
    stream per digits and OID for ever: who goes from NIA to NIR has two histories.
    """

    TWO = replace(feed.CONTEXT, accepted_oids=frozenset({INS_NIR_TEST, INS_NIR_DEMO}))

    def test_the_same_digits_under_two_oids_are_two_until_they_are_linked(self) -> None:
        space = Space(self.TWO)
        other = {**feed.ins(), "oid": INS_NIR_DEMO}
        name, datum = deposit(2)
        assert space.say(deposit(1), (name, {**datum, "ins": other})) == ["accepted"] * 2
        assert space.sees() == [1]
        assert space.sees(oid=INS_NIR_DEMO) == [2]
        link = record_message("LinkIns", otherOid=INS_NIR_DEMO, otherMatricule=ANNA)
        assert space.say(link) == ["accepted"]
        assert sorted(space.sees()) == sorted(space.sees(oid=INS_NIR_DEMO)) == [1, 2]


class TestTrap03:
    """Falling in: an OID of another environment is taken, or put right on the way."""

    def test_each_environment_takes_its_own_oids_and_repairs_nothing(self) -> None:
        name, datum = deposit(1)
        real = (name, {**datum, "ins": {**feed.ins(), "oid": INS_NIR}})
        space = Space()
        assert space.say(real) == ["ins_oid_not_accepted"]
        assert space.events == []
        production = Space(replace(feed.CONTEXT, accepted_oids=accepted_oids("production")))
        assert production.say(deposit(1)) == ["ins_oid_not_accepted"]


class TestTrap04:
    """Falling in: sex, month of birth or commune are read from the number and held against the
    traits: whoever changed sex, or was born in a commune that was merged, is refused.
    """

    def test_traits_are_not_compared_with_the_number(self) -> None:
        other = {**feed.TRAITS, "sex": "M", "birthDate": "19811107", "birthPlace": "99100"}
        space = Space()
        declared = record_message("DeclareIdentity", traits=other)
        assert space.say(declared, deposit(1, sourcePatientInfo=other)) == ["accepted"] * 2
        assert space.sees() == [1]


CDA = """<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3"/><title>t</title><recordTarget>
<patientRole><id root="{oid}" extension="{matricule}"/><patient><name>
<family qualifier="CL">DUPONT</family><family qualifier="BR">PAT-TROIS</family>
<given>DOMINIQUE MARIE-LOUISE</given><given qualifier="CL">DOMI</given>
<given qualifier="BR">DOMINIQUE</given></name></patient></patientRole></recordTarget><author/>
</ClinicalDocument>"""


class TestTrap05:
    """Falling in: names are compared letter by letter, so that an accent sends a document back; or
    what is kept is the form made for comparing; or the first family name of a CDA is taken.
    """

    def test_spelling_does_not_part_a_person_and_is_kept(self) -> None:
        said = {**feed.TRAITS, "birthName": "Pàt Trois", "givenNames": "Dominique Marie Louise"}
        space = Space()
        assert space.say(record_message("DeclareIdentity")) == ["accepted"]
        assert space.say(deposit(1, sourcePatientInfo=said)) == ["accepted"]
        (first,) = space.said("document_submitted")
        assert first["document"]["sourcePatientInfo"]["birthName"] == "Pàt Trois"
        other = {**feed.TRAITS, "birthName": "PAT-QUATRE"}
        assert space.say(deposit(2, sourcePatientInfo=other)) == ["traits_differ"]

    def test_names_are_picked_by_their_qualifier(self) -> None:
        found = read_cda(CDA.format(oid=OID, matricule=ANNA).encode())
        assert isinstance(found, CdaDocument)
        assert (found.birth_name, found.birth_given) == ("PAT-TROIS", "DOMINIQUE")
        assert found.given_list == "DOMINIQUE MARIE-LOUISE"
        assert (found.used_name, found.used_given) == ("DUPONT", "DOMI")


class TestTrap06:
    """Falling in: once there is a matricule the identity is good for ever: documents go on coming
    after a strict trait changed; or those already there are taken away.
    """

    def test_a_changed_trait_stops_feeding_until_the_identity_is_qualified_again(self) -> None:
        changed = {**feed.TRAITS, "birthName": "DURAND"}
        space = Space()
        assert space.say(record_message("DeclareIdentity"), deposit(1)) == ["accepted"] * 2
        assert space.say(record_message("DeclareIdentity", traits=changed)) == ["accepted"]
        assert space.say(deposit(2)) == ["identity_revoked"]
        assert space.sees() == [1]
        assert "identity_revoked" in space.names()
        asked = record_message("DeclareIdentity", traits=changed, insiRequestedAt=2**40)
        assert space.say(asked, deposit(2)) == ["accepted"] * 2
        assert sorted(space.sees()) == [1, 2]

    @pytest.mark.parametrize("status", ["PROVISOIRE", "RECUPEREE", "VALIDEE"])
    def test_only_a_qualified_identity_feeds(self, status: str) -> None:
        message = deposit(1)
        message[1]["ins"]["status"] = status
        assert Space().say(message) == ["identity_not_qualified"]


class TestTrap07:
    """Falling in: a document filed under somebody else is moved, stays in the count or in what he
    is told of, or leaves no trace that it ever was there.
    """

    def test_a_document_is_taken_out_and_deposited_again_never_moved(self, site: Site) -> None:
        migrate_projections(store_dsn(site.settings))
        assert site.write(deposit(1)) == ["accepted"]
        project(site.settings)
        assert self.seen(site, ANNA) == [unique_id(1)]
        assert site.write(deposit(1, matricule=BRUNO)) == ["metadata_conflict"]
        assert site.write(operation("DeleteDocument", 1, reason="wrong patient")) == ["accepted"]
        assert site.write(deposit(2, matricule=BRUNO)) == ["accepted"]
        project(site.settings)
        assert self.seen(site, ANNA) == []
        assert self.seen(site, BRUNO) == [unique_id(2)]
        names = [event.name for event in site.events()]
        assert names.count("document_submitted") == 2
        assert names.count("document_deleted") == 1

    def test_nobody_is_told_of_a_document_deleted_while_it_was_hidden(self, site: Site) -> None:
        migrate_projections(store_dsn(site.settings))
        site.write(deposit(1, invisiblePatient=True), operation("DeleteDocument", 1))
        shown = operation("ChangeVisibility", 1, invisiblePatient=False)
        assert site.write(shown) == ["target_deleted"]
        project(site.settings)
        opened = connect(store_dsn(site.settings), application_name="test")
        with opened as conn, conn.cursor() as cursor:
            tables = NotificationTables(live_build(cursor, "notifications").number)
            told = cursor.execute(f"select 1 from {tables.outbox}".encode()).fetchall()
        assert told == []

    @staticmethod
    def seen(site: Site, matricule: str) -> list[str]:
        record = find_record(site.settings, f"{OID}|{matricule}")
        assert record is not None
        with connect(store_dsn(site.settings), application_name="test") as conn:
            found = timeline_of(conn, record, PATIENT, START)
        return [entry.row.unique_id for entry in (*found.current, *found.archived)]
