"""The golden sample: a deposit that breaks no rule, hard or soft, and one builder of its variants.

A test names what it is about and takes the rest from here: `deposit(title="x", replaces=None)`.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

OID: Final = "1.2.250.1.213.1.4.10"
"""Authority of INS for tests."""
ANNA: Final = "279035121518989"
DOCTOR: Final = "1.2.250.1.71.4.2.1^801234567897"
LABORATORY: Final = "1.2.250.1.71.4.2.2^1750100125"
ROOT: Final = "1.2.250.1.999.1"
UNIQUE_ID: Final = f"{ROOT}.1"


def deposit(**changes: Any) -> dict[str, Any]:
    """The datum of the golden deposit. Each change names a field of the message or of its document;
    a name that is neither is a mistake of the test.
    """
    message: dict[str, Any] = {
        "messageId": bytes(16),
        "provenance": provenance(),
        "ins": ins(),
        "visibilityOnly": False,
        "submissionSet": {
            "uniqueId": f"{UNIQUE_ID}.0",
            "sourceId": "1.2.250.1.999.3",
            "contentTypeCode": "26",
            "title": None,
        },
        "document": document(),
        "content": None,
    }
    for name, value in changes.items():
        place = message if name in message else message["document"]
        assert name in place, f"a deposit has no field {name}"
        place[name] = value
    return message


def document(**changes: Any) -> dict[str, Any]:
    """Its metadata."""
    return {
        "uniqueId": UNIQUE_ID,
        "replaces": None,
        "setId": ROOT,
        "versionNumber": 1,
        "typeCode": "11502-2",
        "classCode": "10",
        "formatCode": "urn:ihe:lab:xd-lab:2008",
        "mimeType": "text/xml",
        "hash": bytes(20),
        "sha256": bytes(32),
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
        **changes,
    }


def bytes_of(content: bytes) -> dict[str, Any]:
    """The fields of a document that has these bytes."""
    return {
        "hash": hashlib.sha1(content, usedforsecurity=False).digest(),
        "sha256": hashlib.sha256(content).digest(),
        "size": len(content),
    }


def ins(matricule: str = ANNA, status: str = "QUALIFIEE") -> dict[str, Any]:
    """A person."""
    return {"oid": OID, "matricule": matricule, "status": status}


def author(identifier: str = DOCTOR, **changes: Any) -> dict[str, Any]:
    """Who wrote it."""
    return {
        "id": identifier,
        "name": "DURANT Romuald",
        "functionCode": None,
        "specialtyCode": "G15_10/SM54",
        "organisationId": LABORATORY,
        "organisationName": "Laboratoire",
        "isDevice": False,
        **changes,
    }


def actor(identifier: str = DOCTOR, **changes: Any) -> dict[str, Any]:
    """Who sends it."""
    return {
        "id": identifier,
        "name": "DURANT Romuald",
        "roleCode": "10",
        "organisationId": LABORATORY,
        "organisationName": "Laboratoire",
        "sectorCode": "SA25",
        **changes,
    }


def provenance(**changes: Any) -> dict[str, Any]:
    """Through which software, by whom, when: 2024-01-04 20:26 UTC."""
    return {
        "software": {"id": "labo-1", "name": "LGC", "version": "1.0", "approval": None},
        "actor": actor(),
        "authenticationMode": "DIRECTE",
        "purposeOfUse": "normal",
        "channel": "DIRECT",
        "occurredAt": 1_704_400_000_000,
        **changes,
    }


def traits(**changes: Any) -> dict[str, Any]:
    """Strict and other traits of Anna."""
    return {
        "birthName": "PAT-TROIS",
        "birthGivenName": "DOMINIQUE",
        "givenNames": "DOMINIQUE MARIE-LOUISE",
        "sex": "F",
        "birthDate": "19790328",
        "birthPlace": "51215",
        "usedName": None,
        "usedGivenName": None,
        **changes,
    }


SIGNATURE: Final[dict[str, Any]] = {
    "typeCode": "E1762",
    "classCode": "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1",
    "formatCode": "http://www.w3.org/2000/09/xmldsig#",
    "languageCode": "art",
    "masquePs": True,
    "invisiblePatient": True,
}
"""What makes a document the signature of a submission set."""


def kos(accession: str = "0", order: str = "1", study: str = "2") -> dict[str, Any]:
    """What makes a document a key object selection of a study."""
    references = (
        (accession, ROOT, "urn:ihe:iti:xds:2013:accession"),
        (order, ROOT, "urn:ihe:iti:xds:2013:order"),
        (study, None, "urn:ihe:iti:xds:2016:studyInstanceUID"),
    )
    return {
        "typeCode": "IMG-KOS",
        "classCode": "31",
        "formatCode": "1.2.840.10008.5.1.4.1.1.88.59",
        "mimeType": "application/dicom",
        "referenceIdList": [
            {"value": value, "authority": authority, "typeCode": kind}
            for value, authority, kind in references
        ],
    }
