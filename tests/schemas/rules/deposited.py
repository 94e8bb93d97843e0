"""A deposit that breaks no rule, hard or soft, with its CDA; a test changes what it is about."""

from __future__ import annotations

import hashlib
from typing import Any

from schemas.rules.document.content import content_findings
from schemas.rules.of_messages import RULES_OF, SOFT_RULES_OF
from schemas.rules.table.rejections import Rejection

OID = "1.2.250.1.213.1.4.10"
ANNA = "279035121518989"
DOCTOR = "1.2.250.1.71.4.2.1^801234567897"
LABORATORY = "1.2.250.1.71.4.2.2^1750100125"
UNIQUE_ID = "1.2.250.1.999.1.1"
SIGNATURE = {
    "typeCode": "E1762",
    "classCode": "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1",
    "formatCode": "http://www.w3.org/2000/09/xmldsig#",
    "languageCode": "art",
    "masquePs": True,
    "invisiblePatient": True,
}
KOS = {
    "typeCode": "IMG-KOS",
    "classCode": "31",
    "formatCode": "1.2.840.10008.5.1.4.1.1.88.59",
    "mimeType": "application/dicom",
    "referenceIdList": [
        {"value": "1", "authority": "1.2.3", "typeCode": "urn:ihe:iti:xds:2013:accession"},
        {"value": "2", "authority": "1.2.3", "typeCode": "urn:ihe:iti:xds:2013:order"},
        {"value": "1.2.4", "authority": None, "typeCode": "urn:ihe:iti:xds:2016:studyInstanceUID"},
    ],
}


def deposit(**changes: Any) -> dict[str, Any]:
    """The datum of a deposit; `changes` are of its document."""
    document = {
        "uniqueId": UNIQUE_ID,
        "replaces": None,
        "setId": "1.2.250.1.999.1",
        "versionNumber": 1,
        "typeCode": "11502-2",
        "classCode": "10",
        "formatCode": "urn:ihe:lab:xd-lab:2008",
        "mimeType": "text/xml",
        "hash": b"",
        "sha256": b"",
        "size": 1,
        "languageCode": "fr-FR",
        "title": "Compte rendu d'examens biologiques",
        "comments": None,
        "sourcePatientId": "1.2.250.1.999.2^12",
        "sourcePatientInfo": traits(),
        "authors": [author()],
        "legalAuthenticatorId": DOCTOR,
        "legalAuthenticatorName": "DURANT Romuald",
        "legalAuthenticationTime": "20240104160600+0100",
        "custodianId": LABORATORY,
        "creationTime": "20240104160527+0100",
        "serviceStartTime": "20240104150000+0100",
        "serviceStopTime": "20240104153000+0100",
        "healthcareFacilityTypeCode": "SA25",
        "practiceSettingCode": "AMBULATOIRE",
        "confidentialityCode": "N",
        "masquePs": False,
        "invisiblePatient": False,
        "invisibleRepresentantsLegaux": False,
        "eventCodeList": [{"code": "18725-2", "system": "2.16.840.1.113883.6.1"}],
        "referenceIdList": [],
    }
    lot = {
        "uniqueId": f"{UNIQUE_ID}.0",
        "sourceId": "1.2.250.1.999.3",
        "contentTypeCode": "26",
        "title": None,
    }
    return {
        "messageId": b"\0" * 16,
        "provenance": provenance(),
        "ins": {"oid": OID, "matricule": ANNA, "status": "QUALIFIEE"},
        "visibilityOnly": False,
        "submissionSet": lot,
        "document": {**document, **changes},
        "content": None,
    }


def author(identifier: str = DOCTOR) -> dict[str, Any]:
    return {
        "id": identifier,
        "name": "DURANT Romuald",
        "functionCode": None,
        "specialtyCode": "G15_10/SM54",
        "organisationId": LABORATORY,
        "organisationName": "Laboratoire",
        "isDevice": False,
    }


def traits(born: str = "19790328") -> dict[str, Any]:
    return {
        "birthName": "PAT-TROIS",
        "birthGivenName": "DOMINIQUE",
        "givenNames": "DOMINIQUE MARIE-LOUISE",
        "sex": "F",
        "birthDate": born,
        "birthPlace": "51215",
        "usedName": None,
        "usedGivenName": None,
    }


def provenance() -> dict[str, Any]:
    return {
        "software": {"id": "labo-1", "name": "LGC", "version": "1.0", "approval": None},
        "actor": {
            "id": DOCTOR,
            "name": "DURANT Romuald",
            "roleCode": "10",
            "organisationId": LABORATORY,
            "organisationName": "Laboratoire",
            "sectorCode": "SA25",
        },
        "authenticationMode": "DIRECTE",
        "purposeOfUse": "normal",
        "channel": "DIRECT",
        "occurredAt": 1_704_400_000_000,  # 2024-01-04 20:26 UTC
    }


def cda(
    *,
    template: str = "1.2.250.1.213.1.1.1.55",
    body: str = "<structuredBody/>",
    creation: str = "20240104160527+0100",
    start: str = "20240104150000+0100",
    facility: str = "SA25",
    setting: str = "AMBULATOIRE",
    level: str = "N",
    language: str = "fr-FR",
    title: str = "Compte rendu d'examens biologiques",
    version: int = 1,
    signer: str = DOCTOR,
    authors: tuple[str, ...] = (DOCTOR,),
    related: str = "",
    matricule: str = ANNA,
) -> bytes:
    """A document that says what `deposit` says."""
    header = (
        '<ClinicalDocument xmlns="urn:hl7-org:v3"><templateId root="1.2.250.1.213.1.1.1.1"/>'
        f'<templateId root="{template}"/><id root="{UNIQUE_ID}"/><code code="11502-2"/>'
        f'<title>{title}</title><effectiveTime value="{creation}"/>'
        f'<confidentialityCode code="{level}"/><languageCode code="{language}"/>'
        f'<setId root="1.2.250.1.999.1"/><versionNumber value="{version}"/>'
        f'<recordTarget><patientRole><id root="{OID}" extension="{matricule}"/></patientRole>'
        "</recordTarget>"
    )
    people = "".join(f"<author><assignedAuthor>{_id(a)}</assignedAuthor></author>" for a in authors)
    act = (
        "<documentationOf><serviceEvent><effectiveTime>"
        f'<low value="{start}"/><high value="20240104153000+0100"/></effectiveTime><performer>'
        f'<assignedEntity><representedOrganization><standardIndustryClassCode code="{setting}"/>'
        "</representedOrganization></assignedEntity></performer></serviceEvent></documentationOf>"
    )
    place = (
        "<componentOf><encompassingEncounter><location><healthCareFacility>"
        f'<code code="{facility}"/></healthCareFacility></location></encompassingEncounter>'
        "</componentOf>"
    )
    signed = f"<assignedEntity>{_id(signer)}</assignedEntity>"
    return (
        f"{header}{people}<legalAuthenticator>{signed}</legalAuthenticator>{act}{related}{place}"
        f"<component>{body}</component></ClinicalDocument>"
    ).encode()


def _id(identifier: str) -> str:
    root, _, extension = identifier.partition("^")
    return f'<id root="{root}" extension="{extension}"/>'


def with_bytes(content: bytes, **changes: Any) -> dict[str, Any]:
    """A deposit of these bytes, hashed."""
    datum = deposit(**changes)
    datum["document"] |= {
        "hash": hashlib.sha1(content, usedforsecurity=False).digest(),
        "sha256": hashlib.sha256(content).digest(),
        "size": len(content),
        **{name: value for name, value in changes.items() if name in ("hash", "sha256", "size")},
    }
    return datum | {"content": content}


Said = tuple[str, str | None]


def refusal(datum: dict[str, Any]) -> Said | None:
    """Code and path of the first hard rule on the metadata that is broken."""
    broken = RULES_OF["DepositDocument"](datum)
    return None if broken is None else (broken.code, broken.path)


def remarks(datum: dict[str, Any]) -> list[Said]:
    """Code and path of every soft rule that is broken."""
    found = (rule(datum) for rule in SOFT_RULES_OF["DepositDocument"])
    return [(broken.code, broken.path) for broken in found if broken is not None]


def findings(datum: dict[str, Any]) -> list[Rejection]:
    """What bytes and metadata disagree about."""
    document, ins = datum["document"], datum["ins"]
    return list(content_findings(datum["content"], document, ins, 1 << 23))
