"""What each sector is known by, and that sectors leave each other alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from hashlib import sha256
from io import BytesIO
from itertools import pairwise

from pydicom import FileDataset, config, dcmread, dcmwrite

from producers.simulator.content.content import ContentWriter, suffix_of
from producers.simulator.content.messages import MessageMaker, message_of, provenance
from producers.simulator.content.metadata import document_metadata
from producers.simulator.faults.rates import parse_faults
from producers.simulator.plan.plan import Plan, Run
from producers.simulator.plan.planned import Planned, PlannedDocument
from producers.simulator.population.authors import Machine, PatientAuthor
from producers.simulator.population.professional import Professional
from producers.simulator.run.run_messages import messages_of
from producers.simulator.tables.sectors import all_sectors, read_sector
from schemas.codec.messages import encode
from schemas.policy.may_do import ActorKind, actor_kind
from tests.producers.samples_of_plan import (
    OTHERS,
    SECTORS,
    documents_of,
    planned_by_others,
    run_of,
    run_of_others,
)

MADE = 2000
FEED_OF_SEED_7 = "baec183e75090a5b10bb2fb3"
"""Laboratories, hospitals and GPs alone: 3,000 documents, 400 persons."""


def of_sector(name: str) -> list[Planned]:
    kinds = {kind.name for kind in read_sector(name).kinds}
    return [m for m in planned_by_others(MADE) if m.document and m.document.kind.name in kinds]


def deposits(messages: list[Planned]) -> list[PlannedDocument]:
    return documents_of(tuple(messages))


def test_kinds_have_names_of_their_own_and_every_sector_of_the_list_is_there() -> None:
    names = [kind.name for name in all_sectors() for kind in read_sector(name).kinds]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert set(all_sectors()) == {*SECTORS, *OTHERS}
    assert {"imaging", "pharmacy", "medico_social", "teleconsultation"} <= set(OTHERS)
    assert {"insurance", "patient"} <= set(OTHERS)


def test_the_feed_of_the_first_three_sectors_is_what_it_was() -> None:
    digest = sha256()
    for message in messages_of(run_of(3000), parse_faults(None), content=False):
        record = message.record
        told = (record.topic, record.key, record.headers, message.expected, message.fault)
        digest.update(repr(told).encode() + record.value)
    assert digest.hexdigest().startswith(FEED_OF_SEED_7)


def test_no_sector_changes_what_another_makes() -> None:
    together = tuple(Plan(Run(3, tuple(map(read_sector, all_sectors())), 300, 1500)))
    for lane in (SECTORS, *((name,) for name in OTHERS)):
        sectors = tuple(map(read_sector, lane))
        kinds = {kind.name for sector in sectors for kind in sector.kinds}
        within = [d for d in documents_of(together) if d.kind.name in kinds]
        alone = documents_of(tuple(Plan(Run(3, sectors, 300, len(within)))))
        assert [_made(document) for document in within] == [_made(d) for d in alone]


def _made(document: PlannedDocument) -> tuple[object, ...]:
    """All but the number in the run, and the INS, which a link may change earlier or later."""
    author = document.author
    by_whom = author.organisation.id if isinstance(author, PatientAuthor) else author.id
    by_planner = (document.kind.name, document.acts, document.act_start, document.created, by_whom)
    return (*by_planner, document.uid, document.replaces, document.study)


def test_images_follow_their_report_in_all_it_goes_through() -> None:
    messages = of_sector("imaging")
    report_of: dict[str, str] = {}
    operations: dict[str, list[object]] = defaultdict(list)
    for before, message in pairwise(messages):
        document, report = message.document, before.document
        assert document
        assert report
        if message.schema != "DepositDocument":
            told = {k: v for k, v in message.fields.items() if k != "uniqueId"}
            operations[document.uid].append((message.schema, message.sent, tuple(told.items())))
        elif document.kind.name == "imaging_objects":
            assert before.schema == "DepositDocument"
            assert before.sent == message.sent
            assert report.kind.type_code == "18748-4"
            assert (report.study, report.accession) == (document.study, document.accession)
            assert (report.order, report.flags) == (document.order, document.flags)
            assert report.patient is document.patient
            assert report.author is document.author
            if document.replaces:
                assert report.replaces == report_of[document.replaces]
            report_of[document.uid] = report.uid
    assert len(report_of) > 100
    followed = [uid for uid in report_of if operations[uid]]
    assert followed
    for uid in report_of:
        assert operations[uid] == operations[report_of[uid]]


def test_a_result_to_be_announced_is_hidden_until_then() -> None:
    reason = "Consultation d'annonce faite"
    messages = of_sector("imaging")
    hidden = {d.uid for d in deposits(messages) if d.flags.get("invisiblePatient")}
    shown = [m for m in messages if m.fields.get("reason") == reason]
    assert shown
    assert {m.document.kind.name for m in shown if m.document} >= {
        "imaging_report",
        "imaging_objects",
    }
    for message in shown:
        assert message.document is not None
        assert message.document.uid in hidden
        assert message.fields["invisiblePatient"] is False


def read_dicom(data: bytes) -> FileDataset:
    """The file as pydicom reads it: every value is valid, and pydicom writes the same bytes."""
    with config.strict_reading():
        found = dcmread(BytesIO(data))
        values = [element.value for element in found.iterall()]
    assert len(values) > 50
    written = BytesIO()
    dcmwrite(written, found)
    assert written.getvalue() == data
    return found


def test_references_to_images_are_dicom_and_say_what_their_metadata_say() -> None:
    writer = ContentWriter(7)
    kept = [d for d in deposits(of_sector("imaging")) if d.kind.name == "imaging_objects"]
    for document in kept[:50]:
        data = writer.write(document)
        assert writer.write(document) == data
        found = read_dicom(data)
        entry = document_metadata(document, b"", b"", len(data))
        meta, (request,) = found.file_meta, found.ReferencedRequestSequence
        (issuer,) = found.IssuerOfPatientIDQualifiersSequence
        references = {
            r["typeCode"].rpartition(":")[2]: r["value"] for r in entry["referenceIdList"]
        }
        assert meta.MediaStorageSOPClassUID == found.SOPClassUID == entry["formatCode"]
        assert meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID == entry["uniqueId"]
        assert found.PatientID == document.patient.matricule
        assert issuer.UniversalEntityID == document.patient.oid
        assert found.StudyInstanceUID == references["studyInstanceUID"]
        assert found.AccessionNumber == references["accession"]
        assert request.PlacerOrderNumberImagingServiceRequest == references["order"]
        (evidence,) = found.CurrentRequestedProcedureEvidenceSequence
        (series,) = evidence.ReferencedSeriesSequence
        assert len(series.ReferencedSOPSequence) == 3
        assert (entry["mimeType"], entry["typeCode"]) == ("application/dicom", "IMG-KOS")
        modality = found.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPClassUID
        assert modality.startswith("1.2.840.10008.5.1.4.1.1.")
        assert len(entry["eventCodeList"]) == 3
        assert suffix_of(document) == "dcm"
        assert all(len(uid) <= 64 for uid in (document.uid, f"{document.study}.1.3"))


def test_patients_write_in_their_own_name_and_nobody_else_in_theirs() -> None:
    messages = of_sector("patient")
    assert {m.schema for m in messages} > {"DepositDocument", "ChangeVisibility"}
    types = {d.kind.type_code for d in deposits(messages)}
    wanted = {f"DOCPAT0{n}" for n in range(1, 10)} | {"EXPPAT_1", "EXPPAT_2", "EXPPAT_3"}
    assert types == wanted | {"74465-6"}
    for message in messages:
        document, told = message.document, provenance(message)
        assert document is not None
        assert actor_kind(told["actor"], message.patient.ins) is ActorKind.PATIENT
        assert isinstance(document.author, PatientAuthor)
        assert document.author.patient is document.patient
        entry = document_metadata(document, b"", b"", 1)
        own = f"{document.patient.oid}^{document.patient.matricule}"
        assert entry["authors"][0]["id"] == entry["legalAuthenticatorId"] == own
        assert entry["sourcePatientId"] == own
        assert entry["authors"][0]["organisationId"] is None
        assert entry["custodianId"] == "1.2.250.1.213.4.1"
        assert entry["practiceSettingCode"] == entry["healthcareFacilityTypeCode"] == "EXP_PATIENT"
        assert told["software"]["id"] == "sim-mes"


def test_insurance_feeds_by_a_machine() -> None:
    for message in of_sector("insurance"):
        assert message.document is not None
        author = message.document.author
        assert isinstance(author, Machine)
        entry = document_metadata(message.document, b"", b"", 1)
        assert (entry["typeCode"], entry["classCode"]) == ("REMB", "60")
        assert entry["authors"][0]["isDevice"]
        assert entry["practiceSettingCode"] == "AMO"
        assert len(author.organisation.id) == 15
        kind = actor_kind(provenance(message)["actor"], message.patient.ins)
        by_patient = message.actor is None
        assert kind is (ActorKind.PATIENT if by_patient else ActorKind.MACHINE)


def test_facilities_roles_and_ages_are_those_of_the_sector() -> None:
    wanted = {"pharmacy": ("SA33", {"21"}), "teleconsultation": ("SA64", {"10"})}
    wanted |= {"medico_social": ("SA17", {"10", "60", "94", "353"}), "imaging": ("SA08", {"10"})}
    for name, (facility, roles) in wanted.items():
        authors = [d.author for d in deposits(of_sector(name))]
        assert {a.organisation.facility_type for a in authors} == {facility}
        assert {a.actor_role for a in authors if isinstance(a, Professional)} == roles
    # A linked INS is another test person, of another age.
    for name, least in (("medico_social", 65), ("patient", 18)):
        ages = [m.patient.age_at(m.sent) for m in of_sector(name)]
        assert sum(age >= least for age in ages) > len(ages) * 0.98


def test_records_are_declared_by_professionals() -> None:
    for message in planned_by_others(MADE):
        if message.schema in ("OpenRecord", "DeclareIdentity", "LinkIns", "CloseRecord"):
            assert isinstance(message.actor, Professional)


def test_several_products_feed_the_record_of_one_patient_in_turn() -> None:
    run = Run(5, tuple(map(read_sector, all_sectors())), 60, 900)
    software: dict[int, list[str]] = defaultdict(list)
    for message in Plan(run):
        if message.document is not None:
            software[message.patient.number].append(provenance(message)["software"]["id"])
    many = [products for products in software.values() if len(products) >= 12]
    assert len(many) > 10
    for products in many:
        assert len(set(products)) >= 4
        changes = sum(one != other for one, other in pairwise(products))
        assert changes > len(products) / 4


def test_messages_of_all_sectors_are_those_of_the_codec() -> None:
    maker = MessageMaker(7, content=False)
    for message in planned_by_others(MADE):
        datum = maker.datum(message)
        assert message_of(message, datum).record.value == encode(message.schema, datum)


def test_others_share_their_operations_too() -> None:
    messages = [m for m in planned_by_others(8000) if m.document is not None]
    changing = [
        m for m in messages if m.schema != "DepositDocument" or (m.document and m.document.replaces)
    ]
    assert 0.035 < len(changing) / len(messages) < 0.065
    assert len(documents_of(planned_by_others(8000))) == 8000
    assert len(documents_of(tuple(Plan(run_of_others(1))))) == 1
