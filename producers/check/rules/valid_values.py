"""Valid values that stand in for wrong ones, so that the rules after the first can be checked.

They are never sent. Codes and identifiers are of no real person or place: test OID only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

TEST_INS: Final = {
    "oid": "1.2.250.1.213.1.4.10",
    "matricule": "279035121518989",
    "status": "QUALIFIEE",
}
_TRAITS: Final = {
    "birthName": "PATIENT",
    "birthGivenName": "TEST",
    "givenNames": "TEST",
    "sex": "F",
    "birthDate": "19790328",
    "birthPlace": "51215",
    "usedName": None,
    "usedGivenName": None,
}
_PERSON: Final = "1.2.250.1.71.4.2.1^801234567897"
_ORGANISATION: Final = "1.2.250.1.71.4.2.2^1010000008"
_AUTHOR: Final = {
    "id": _PERSON,
    "name": "AUTEUR TEST",
    "functionCode": None,
    "specialtyCode": "G15_10/SM26",
    "organisationId": _ORGANISATION,
    "organisationName": "Organisation",
    "isDevice": False,
}
_DOCUMENT: Final = {
    "uniqueId": "1.2.250.1.999.1.1",
    "replaces": None,
    "setId": None,
    "versionNumber": None,
    "typeCode": "11488-4",
    "classCode": "10",
    "formatCode": "urn:ihe:iti:xds-sd:pdf:2008",
    "mimeType": "text/xml",
    "hash": bytes(20),
    "sha256": bytes(32),
    "size": 1,
    "languageCode": "fr-FR",
    "title": "Document",
    "comments": None,
    "sourcePatientId": None,
    "sourcePatientInfo": None,
    "authors": [_AUTHOR],
    "legalAuthenticatorId": _PERSON,
    "legalAuthenticatorName": None,
    "legalAuthenticationTime": None,
    "custodianId": _ORGANISATION,
    "creationTime": "20240102101500+0100",
    "serviceStartTime": "20240102101500+0100",
    "serviceStopTime": None,
    "healthcareFacilityTypeCode": "SA07",
    "practiceSettingCode": "AMBULATOIRE",
    "confidentialityCode": "N",
    "masquePs": False,
    "invisiblePatient": False,
    "invisibleRepresentantsLegaux": False,
    "eventCodeList": [],
    "referenceIdList": [],
}
_ENTRY: Final = {
    "id": "1.2.250.1.999.1.1",
    "kind": "SOFTWARE",
    "publisher": "Publisher",
    "product": "Product",
    "name": "Service",
    "company": "Company",
    "certificateNumber": "1",
    "referencedFrom": "20240102",
    "certifiedFrom": "20240102",
    "certifiedUntil": "99981231",
    "evaluatedOn": "20240102",
    "withdrawnFrom": "20240102",
    "reason": "Reason",
}
"""Fields of the messages of the topic `registry`; a name means the same in all of them."""
VALID: Final[Mapping[str, Any]] = {
    **_ENTRY,
    "provenance": {
        "software": {"id": "software", "name": "Software", "version": "1", "approval": None},
        "actor": {
            "id": _PERSON,
            "name": None,
            "roleCode": "10",
            "organisationId": _ORGANISATION,
            "organisationName": None,
            "sectorCode": "SA07",
        },
        "authenticationMode": "INDIRECTE",
        "purposeOfUse": "normal",
        "channel": "DIRECT",
        "occurredAt": 1_704_186_900_000,
    },
    "ins": TEST_INS,
    "otherOid": TEST_INS["oid"],
    "otherMatricule": "279035121519088",
    "submissionSet": None,
    "document": _DOCUMENT,
    "traits": _TRAITS,
    "uniqueId": "1.2.250.1.999.1.1",
    "professionalId": _PERSON,
    "motive": "Motive",
    "documentIds": [],
    "accessedAt": 0,
}
"""By field of a message. A field that is not here is valid as null, if it may be null."""


_INSIDE: Final[Mapping[str, Mapping[str, Any]]] = {
    "sourcePatientInfo": _TRAITS,
    "submissionSet": {
        "uniqueId": "1.2.250.1.999.1.2",
        "sourceId": "1.2.250.1.999.2",
        "contentTypeCode": "EXP_PATIENT",
        "title": None,
    },
}
"""Fields of parts that may be absent: a part that is there is repaired inside."""


def valid_value(steps: tuple[str, ...]) -> Any:
    """The valid value of a field of a message, by its path; None for an unknown field."""
    found: Any = VALID
    for step, above in zip(steps, (None, *steps), strict=False):
        if found is None:
            found = _INSIDE.get(above or "")
        if not isinstance(found, Mapping) or step not in found:
            return None
        found = found[step]
    return found
