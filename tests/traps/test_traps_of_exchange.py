"""Traps 19 to 25: minors, deletion, repetition, derived fields, identifiers, XML, technical
documents.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest
from psycopg import conninfo

from ingest.batch.write import BatchWriter
from ingest.eventstore.content.sealed import ContentErased
from ingest.read.service_wait import without_waiting
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.postgres.database import connect, store_dsn
from projections import migrate_projections
from projections.timeline.accesses import accesses_of
from schemas.cda import CdaDocument, CdaUnreadable, read_cda
from schemas.events import DocumentStatus
from schemas.policy.may_do import Policy
from schemas.policy.may_see import Reader, ReaderKind
from schemas.valuesets import CLASS_OF_TYPE, ENDS, FORMATS, type_label
from tests.ingest.feed_messages import (
    CONTEXT,
    DR_A,
    KOS,
    LAB,
    TRAITS,
    deposit,
    dicom,
    operation,
    record_message,
    unique_id,
)
from tests.ingest.ingest_site import Site, answers
from tests.ingest.read.test_interpret import cda
from tests.projections.stores import project
from tests.traps.space import PATIENT, PROFESSIONAL, REPRESENTATIVE, Space

OTHER_FORMAT = "urn:ihe:pharm:dis:2010"
CHILD = {**TRAITS, "birthDate": "20100615"}
BEFORE = datetime(2028, 6, 14, 21, 59, tzinfo=UTC)
"""A minute before the child's 18th birthday begins in Paris."""


class TestTrap19:
    """Falling in: representatives see what a minor asked to keep from them, or go on seeing after
    his majority because no event told it; or a hidden access and a hidden document are one thing.
    """

    def test_majority_comes_by_the_calendar_and_hidden_documents_stay_hidden(self) -> None:
        space = Space()
        space.say(record_message("DeclareIdentity", traits=CHILD), deposit(1))
        space.say(deposit(2, invisibleRepresentantsLegaux=True))
        assert space.sees(REPRESENTATIVE, now=BEFORE) == [1]
        assert space.sees(REPRESENTATIVE, now=BEFORE + timedelta(minutes=1)) == []
        assert sorted(space.sees(PATIENT, now=BEFORE)) == [1, 2]

    def test_a_secret_connection_hides_the_access_and_no_document(self, site: Site) -> None:
        migrate_projections(store_dsn(site.settings))
        secret = record_message(
            "RecordAccess",
            mode="SECRET",
            motive=None,
            action="READ",
            outcome="GRANTED",
            documentIds=[unique_id(1)],
            accessedAt=1_699_999_000_000,
        )
        secret[1].pop("reason", None)
        site.write(record_message("DeclareIdentity", traits=CHILD))
        site.write(deposit(1))
        assert site.write(secret) == ["secret_access_disabled"], "a function to be switched on"
        enabled = replace(CONTEXT, policy=Policy(secret_access=True))
        writer = BatchWriter(site.store, enabled, SystemClock(), without_waiting)
        assert answers(writer.write(site.parts(secret))) == ["accepted"]
        project(site.settings)
        record = site.store.reading.max_record()
        with connect(store_dsn(site.settings), application_name="test") as conn:
            told = {
                kind: [trace.trace.mode for trace in self.traces(conn, record, kind)]
                for kind in (ReaderKind.PATIENT, ReaderKind.REPRESENTATIVE)
            }
        assert told == {ReaderKind.PATIENT: ["SECRET"], ReaderKind.REPRESENTATIVE: []}

    @staticmethod
    def traces(conn: psycopg.Connection[Any], record: int, kind: ReaderKind) -> list[Any]:
        return accesses_of(conn, record, Reader(kind), BEFORE, 10).traces


class TestTrap20:
    """Falling in: a deleted document is a deleted row: nobody can tell what was, and its number is
    used again; or a person can never be erased because the log is for ever.
    """

    def test_a_deletion_is_a_fact_and_the_number_is_used_up(self) -> None:
        space = Space()
        space.say(deposit(1), operation("DeleteDocument", 1))
        assert space.names()[-2:] == ["document_submitted", "document_deleted"]
        assert space.sees() == space.sees(PROFESSIONAL) == []
        assert space.say(deposit(1, title="Autre")) == ["metadata_conflict"]
        assert space.say(deposit(1), operation("ArchiveDocument", 1)) == [
            "duplicate",
            "target_deleted",
        ]

    def test_erasure_leaves_events_that_say_nothing(self, site: Site) -> None:
        content = dicom(b"TRACE-OF-ANNA")
        site.write(deposit(1, content=content))
        (record,) = {event.record for event in site.events()}
        files = [path for path in Path(site.settings.content_url).rglob("*") if path.is_file()]
        assert files
        assert all(str(record) in path.parts for path in files)
        assert site.store.erase(record)
        events = site.store.reading.read_record(record)
        assert len(events) == 2
        assert all(event.encoded is None for event in events)
        kept = Path(site.settings.content_url) / "record" / str(record)
        assert not [path for path in kept.rglob("*") if path.is_file()]
        with pytest.raises(ContentErased):
            site.store.contents.get(record, hashlib.sha256(content).digest())
        assert site.write(deposit(1), deposit(2)) == ["unique_id_used", "record_erased"]

    def test_no_role_deletes_events(self, site: Site) -> None:
        assert site.settings.database_dsn is not None
        dsn = conninfo.make_conninfo(site.settings.database_dsn.get_secret_value())
        site.write(deposit(1))
        with (
            psycopg.connect(dsn) as conn,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            conn.execute("delete from event")


class TestTrap21:
    """Falling in: a resend is a second document, or an error; other bytes under a known number
    take the place of the first without a word.
    """

    def test_the_same_again_is_the_same_answer_and_other_bytes_are_refused(
        self, site: Site
    ) -> None:
        first = deposit(1, content=dicom(b"one"))
        assert site.write(first) == ["accepted"]
        by_mail = deposit(1, content=dicom(b"one"))
        by_mail[1]["provenance"]["channel"] = "MSSANTE"
        assert site.write(first, by_mail) == ["duplicate"] * 2
        assert site.write(deposit(1, content=dicom(b"two"))) == ["unique_id_conflict"]
        assert site.names().count("document_submitted") == 1
        (record,) = {event.record for event in site.events()}
        kept = hashlib.sha256(dicom(b"one")).digest()
        assert site.store.contents.get(record, kept) == dicom(b"one")

    def test_a_resend_with_another_mask_is_never_swallowed(self) -> None:
        space = Space()
        space.say(deposit(1))
        assert space.say(deposit(1, masquePs=True)) == ["metadata_conflict"]


class TestTrap22:
    """Falling in: class, format, size or hash are taken as they were sent, a label stands where a
    code belongs, or a code that ended makes old documents unreadable.
    """

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"classCode": "42"}, "class_contradicts_type"),
            ({"typeCode": "00000-0"}, "type_unknown"),
            ({"size": 1}, "size_mismatch"),
            ({"hash": bytes(20)}, "hash_mismatch"),
            ({"sha256": bytes(32)}, "hash_mismatch"),
            ({"mimeType": "text/xml"}, "kos_entry_wrong"),
        ],
    )
    def test_what_can_be_computed_is_compared(self, changes: dict[str, Any], code: str) -> None:
        message = deposit(1, content=dicom())
        message[1]["document"].update(changes)
        assert Space().say(message) == [code]

    def test_a_format_is_that_of_the_bytes(self) -> None:
        laboratory = "urn:ihe:lab:xd-lab:2008"
        template = f'<templateId root="{min(FORMATS[laboratory].templates)}"/><id '
        content = cda().replace(b"<id ", template.encode(), 1)
        for format_code, answer in ((laboratory, "accepted"), (OTHER_FORMAT, "format_mismatch")):
            message = deposit(1, content=content, mimeType="text/xml", formatCode=format_code)
            assert Space().say(message) == [answer]

    def test_a_code_that_ended_is_for_the_documents_of_its_time(self) -> None:
        ended = "ATTEST-VITALE"
        fields: dict[str, Any] = {"typeCode": ended, "classCode": CLASS_OF_TYPE[ended]}
        fields["formatCode"] = "urn:ihe:iti:xds-sd:pdf:2008"
        assert ENDS["typeCode"][ended] == "20240126"
        space = Space()
        assert space.say(deposit(1, **fields, creationTime="20230301090000+0100")) == ["accepted"]
        assert space.row(1).type_code == ended
        assert type_label(ended, "20230301")
        late = deposit(2, **fields, creationTime="20250301090000+0100")
        assert space.say(late) == ["code_ended"]


class TestTrap23:
    """Falling in: identifiers of professionals are numbers: those with a slash or a Corsican letter
    are refused; or a wrong check digit, as two samples in three have, refuses a document.
    """

    PERSON, PLACE = "1.2.250.1.71.4.2.1", "1.2.250.1.71.4.2.2"

    @pytest.mark.parametrize(
        ("person", "place"),
        [
            ("518003502400041/1.2.250.1.215.1.2", "1750100125"),
            ("3750100125/1453", "12A0002329"),
            ("0750123456", "12B0000020"),
            ("801234567897", "1120456789"),
        ],
    )
    def test_forms_with_letters_and_slashes_and_wrong_keys_pass(
        self, person: str, place: str
    ) -> None:
        author = deposit(1)[1]["document"]["authors"][0]
        author |= {"id": f"{self.PERSON}^{person}", "organisationId": f"{self.PLACE}^{place}"}
        space = Space()
        assert space.say(deposit(1, authors=[author])) == ["accepted"]
        (first,) = space.said("document_submitted")
        assert first["document"]["authors"][0]["id"] == f"{self.PERSON}^{person}"

    def test_a_wrong_key_and_a_person_as_organisation_warn(self) -> None:
        author = deposit(1)[1]["document"]["authors"][0]
        space = Space()
        wrong = {**author, "id": f"{self.PERSON}^801234567890"}
        assert space.say(deposit(1, authors=[wrong])) == ["accepted"]
        assert "rpps_key_wrong" in space.warnings
        swapped = {**author, "organisationId": f"{self.PLACE}^801234567897"}
        assert space.say(deposit(2, authors=[swapped])) == ["accepted"]
        assert "organisation_is_person" in space.warnings


def with_prolog(text: str) -> bytes:
    """A document with this between its declaration and its root."""
    declaration, end, rest = cda().partition(b"?>")
    return declaration + end + text.encode() + rest if end else text.encode() + cda()


class TestTrap24:
    """Falling in: the parser follows what a document asks for (a DTD, an entity, a stylesheet), or
    the hash is that of the document as it was written again.
    """

    def test_a_dtd_is_refused_whole(self) -> None:
        content = with_prolog('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>')
        found = read_cda(content)
        assert isinstance(found, CdaUnreadable)
        assert found.code == "doctype"
        assert Space().say(deposit(1, content=content, mimeType="text/xml")) == ["content_refused"]

    def test_a_stylesheet_is_neither_fetched_nor_run(self, tmp_path: Path) -> None:
        missing = tmp_path / "never.xsl"
        asked = f'<?xml-stylesheet type="text/xsl" href="file://{missing}"?>'
        found = read_cda(with_prolog(asked))
        assert isinstance(found, CdaDocument)
        assert found.unique_id == unique_id(1)

    def test_bytes_are_hashed_as_they_came(self) -> None:
        received = b"\xef\xbb\xbf" + cda()
        found = read_cda(received)
        assert isinstance(found, CdaDocument)
        assert found.sha256 == hashlib.sha256(received).hexdigest()
        assert found.size == len(received)


def study(kind: str = "18748-4") -> dict[str, Any]:
    """Fields of a report of the study that `KOS` names."""
    return {
        "typeCode": kind,
        "classCode": "31",
        "formatCode": "urn:ihe:iti:xds-sd:pdf:2008",
        "referenceIdList": KOS["referenceIdList"],
    }


class TestTrap25:
    """Falling in: the signature of a set and the KOS of a report are listed, counted or announced;
    or a report is archived or deleted without its KOS.
    """

    SIGNATURE: ClassVar[dict[str, Any]] = {
        "typeCode": "E1762",
        "classCode": "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1",
        "formatCode": "http://www.w3.org/2000/09/xmldsig#",
        "languageCode": "art",
        "masquePs": True,
        "invisiblePatient": True,
    }

    def test_technical_documents_are_for_nobody(self) -> None:
        space = Space()
        assert space.say(deposit(1, **self.SIGNATURE), deposit(2, **KOS)) == ["accepted"] * 2
        shown = operation("ChangeVisibility", 1, invisiblePatient=False, masquePs=False)
        assert space.say(shown) == ["accepted"]
        author = Reader(ReaderKind.PROFESSIONAL, frozenset({DR_A, LAB}))
        for reader in (PATIENT, REPRESENTATIVE, PROFESSIONAL, author):
            assert space.sees(reader) == []
        assert space.told() == []

    @pytest.mark.parametrize(
        ("name", "status"),
        [("ArchiveDocument", DocumentStatus.ARCHIVED), ("DeleteDocument", DocumentStatus.DELETED)],
    )
    def test_a_report_never_goes_without_its_kos(self, name: str, status: DocumentStatus) -> None:
        space = Space()
        assert space.say(deposit(1, **study()), deposit(2, **KOS)) == ["accepted"] * 2
        assert space.say(operation(name, 1)) == ["accepted"]
        assert space.row(1).status == space.row(2).status == status
        assert space.sees() == ([1] if status == DocumentStatus.ARCHIVED else [])
