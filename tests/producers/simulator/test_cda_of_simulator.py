"""The simulator's documents keep the national rules, and say what the deposit says."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha1, sha256

import pytest
from lxml import etree

from producers.cda.metadata import metadata as metadata_of_file
from producers.cda.visibility import RequestedVisibility
from producers.simulator.cda.document import CdaWriter
from producers.simulator.content.metadata import document_metadata
from producers.simulator.plan.planned import PlannedDocument
from schemas.cda import CdaDocument, read_cda
from schemas.feed.messages import Document
from tests.missing import OFFICIAL
from tests.producers.samples_of_plan import (
    documents_of,
    planned,
    planned_by_others,
    run_of,
    run_of_others,
)
from tests.producers.simulator.cda_rules import NAMESPACES, broken, out_of_order

SEED = 7
_COMPULSORY = (
    "realmCode typeId id code title effectiveTime confidentialityCode languageCode setId "
    "versionNumber recordTarget author custodian legalAuthenticator documentationOf componentOf"
)
KNOWN = {
    # Codes of another revision of J01 than our table.
    "CANCER-FRCP_2022.01_Transversale.xml": "JDV_authorSpecialty (J01)",
    "TLM-DA_2022.01_TCG.xml": "JDV_authorSpecialty (J01)",
    # The one sample of 94 the official schematron finds fault with: withdrawn qualifier SP.
    "eDISP-MED_2024.01.xml": "recordTarget_fr",
}
SAMPLES = OFFICIAL / "cda"


@pytest.fixture(scope="module", params=["together", "others"])
def sectors(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def thousand(sectors: str) -> list[tuple[PlannedDocument, bytes]]:
    """A thousand documents and more, every kind and scenario among them."""
    writer = CdaWriter(SEED)
    made = planned(1000, SEED) if sectors == "together" else planned_by_others(2000)
    documents = [document for document in documents_of(made) if document.kind.body != "kos"]
    return [(document, writer.write(document)) for document in documents]


def test_headers_keep_the_rules_of_the_minimal_structure(
    thousand: list[tuple[PlannedDocument, bytes]],
) -> None:
    assert len(thousand) >= 1000
    for document, data in thousand:
        root = etree.fromstring(data)
        assert broken(root) == [], document.kind.name
        assert out_of_order(root) == [], document.kind.name


def test_every_kind_of_document_is_tried(
    sectors: str, thousand: list[tuple[PlannedDocument, bytes]]
) -> None:
    kinds = {document.kind.name for document, _ in thousand}
    run = run_of(1) if sectors == "together" else run_of_others(1)
    rows = [kind for sector in run.sectors for kind in sector.kinds]
    wanted = {kind.name for kind in rows if kind.body != "kos"}
    assert kinds == wanted
    assert any(document.replaces for document, _ in thousand)


def test_rules_notice_what_they_forbid(thousand: list[tuple[PlannedDocument, bytes]]) -> None:
    """Control: each compulsory element, when taken out, is missed by some rule."""
    _, data = thousand[0]
    for name in _COMPULSORY.split():
        root = etree.fromstring(data)
        for element in root.findall(f"h:{name}", NAMESPACES):
            root.remove(element)
        assert broken(root), name


@pytest.mark.samples("cda")
def test_rules_find_nothing_in_the_official_samples() -> None:
    """Control: the table of rules does not ask for more than the official schematron."""
    found = {}
    for path in sorted(SAMPLES.glob("*.xml")):
        root = etree.fromstring(path.read_bytes(), etree.XMLParser(huge_tree=True))
        if root.tag == "{urn:hl7-org:v3}ClinicalDocument":
            found[path.name] = broken(root)
    assert len(found) > 20
    sources = {name: {rule.partition(":")[0] for rule in rules} for name, rules in found.items()}
    assert {name: got for name, got in sources.items() if got} == {n: {s} for n, s in KNOWN.items()}


def test_our_own_reader_finds_no_problem_and_the_same_metadata(
    thousand: list[tuple[PlannedDocument, bytes]],
) -> None:
    for document, data in thousand:
        read = read_cda(data, file=None)
        assert isinstance(read, CdaDocument)
        assert read.problems == ()
        assert read.body.kind == ("nonXMLBody" if document.kind.body == "pdf" else "structuredBody")
        digest = sha1(data, usedforsecurity=False).digest()
        metadata = document_metadata(document, digest, sha256(data).digest(), len(data))
        _same(read, metadata)
        assert read.ins is not None
        assert (read.ins.oid, read.ins.matricule) == (
            document.patient.oid,
            document.patient.matricule,
        )
        assert read.ins.key_valid


def _same(read: CdaDocument, metadata: Document) -> None:
    """What the file says and what the deposit says, field by field."""
    assert metadata["uniqueId"] == read.unique_id
    assert metadata["replaces"] == read.replaces
    assert (metadata["setId"], metadata["versionNumber"]) == (read.set_id, read.version)
    assert read.type is not None
    assert metadata["typeCode"] == read.type.code
    assert (metadata["classCode"], metadata["formatCode"]) == (read.class_code, read.format_code)
    assert metadata["mimeType"] == read.mime_type
    assert (metadata["hash"].hex(), metadata["sha256"].hex()) == (read.sha1, read.sha256)
    assert metadata["size"] == read.size
    assert (metadata["title"], metadata["languageCode"]) == (read.title, read.language)
    assert metadata["creationTime"] == read.creation_time
    assert metadata["serviceStartTime"] == read.service_start
    assert metadata["serviceStopTime"] == read.service_stop
    assert metadata["healthcareFacilityTypeCode"] == read.facility_type
    assert metadata["practiceSettingCode"] == read.practice_setting
    assert metadata["confidentialityCode"] == read.confidentiality
    assert metadata["custodianId"] == read.custodian
    assert [event["code"] for event in metadata["eventCodeList"]] == [
        code.code for code in read.event_codes
    ]
    assert read.ins is not None
    own = f"{read.ins.oid}^{read.ins.matricule}"
    assert metadata["sourcePatientId"] in (read.local_ids or (own,))
    assert (
        metadata["referenceIdList"]
        == metadata_of_file(read, RequestedVisibility())["referenceIdList"]
    )
    _same_people(read, metadata)


def _same_people(read: CdaDocument, metadata: Document) -> None:
    signer = read.legal_authenticator
    assert signer is not None
    assert metadata["legalAuthenticatorId"] == signer.id
    assert metadata["legalAuthenticatorName"] == signer.name
    assert metadata["legalAuthenticationTime"] == signer.time
    assert len(metadata["authors"]) == len(read.authors)
    for told, written in zip(metadata["authors"], read.authors, strict=True):
        assert (told["id"], told["name"]) == (written.id, written.name)
        assert told["specialtyCode"] == written.specialty
        assert told["functionCode"] == written.function_code
        assert told["organisationId"] == written.organisation
        assert told["organisationName"] == written.organisation_name
        assert told["isDevice"] == (written.device is not None)
    traits = metadata["sourcePatientInfo"]
    assert traits is not None
    assert traits == {
        "birthName": read.birth_name,
        "birthGivenName": read.birth_given,
        "givenNames": read.given_list,
        "sex": read.sex,
        "birthDate": read.birth_time,
        "birthPlace": read.birth_place,
        "usedName": read.used_name,
        "usedGivenName": read.used_given,
    }


def test_content_is_the_same_in_any_order_of_writing(
    thousand: list[tuple[PlannedDocument, bytes]],
) -> None:
    writer = CdaWriter(SEED)
    for document, data in reversed(thousand[:60]):
        assert writer.write(document) == data


def test_versions_of_a_report_share_what_was_measured() -> None:
    """A complete report has the results of the partial one, and more."""
    writer = CdaWriter(SEED)
    first = next(d for d in documents_of(planned(1000, SEED)) if d.kind.name == "biology_report")
    partial = replace(first, status="partial")
    for (status, flag), document in zip(
        (("active", "en cours"), ("completed", None)), (partial, first), strict=True
    ):
        data = writer.write(document).decode()
        assert f'<lab:statusCode code="{status}"/>' in data
        assert (flag in data) if flag else ("en cours" not in data)
    shown = _results(writer.write(partial))
    assert shown
    assert shown <= _results(writer.write(first))


def _results(data: bytes) -> set[tuple[str | None, str | None]]:
    observations = etree.fromstring(data).iterfind(".//h:observation", NAMESPACES)
    pairs = ((o.find("h:code", NAMESPACES), o.find("h:value", NAMESPACES)) for o in observations)
    return {(c.get("code"), v.get("value")) for c, v in pairs if c is not None and v is not None}
