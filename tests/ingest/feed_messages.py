"""Messages for the tests of ingestion: valid ones, of which a test changes what it is about."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any, Final

from ingest.feed import FeedRecord, Partition, partition_of
from ingest.read.site import Context
from schemas.codec.messages import encode
from schemas.feed.messages import FEED_TOPICS, TOPIC_OF
from schemas.forms.feed_keys import feed_key
from schemas.forms.identity import accepted_oids

OID = "1.2.250.1.213.1.4.10"
ANNA = "279035121518989"
BRUNO = "124018852493334"
CLARA = "185052A00412356"
ROOT = "1.2.250.1.999.1"
DR_A = "1.2.250.1.71.4.2.1^801234567897"
DR_B = "1.2.250.1.71.4.2.1^899999999994"
LAB = "1.2.250.1.71.4.2.2^1750100125"
HOSPITAL = "1.2.250.1.71.4.2.2^1330781360"
SOFTWARE = "1.2.250.1.999.7.1"
PARTITIONS = 4
TOPICS = dict.fromkeys(FEED_TOPICS, PARTITIONS)
CONTEXT = Context(accepted_oids("test"), TOPICS, 8 * 1024 * 1024)


def ins(matricule: str = ANNA, status: str = "QUALIFIEE") -> dict[str, Any]:
    return {"oid": OID, "matricule": matricule, "status": status}


def actor(
    who: str = DR_A, role: str | None = "10", organisation: str | None = LAB
) -> dict[str, Any]:
    return {
        "id": who,
        "name": "DURANT Romuald",
        "roleCode": role,
        "organisationId": organisation,
        "organisationName": "Laboratoire",
        "sectorCode": "SA25",
    }


def patient(matricule: str = ANNA) -> dict[str, Any]:
    return actor(f"{OID}^{matricule}", "PATIENT", None)


def stranger() -> dict[str, Any]:
    """A professional of elsewhere."""
    return actor(DR_B, "10", HOSPITAL)


def provenance(by: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "software": {"id": SOFTWARE, "name": "LGC", "version": "1.0", "approval": None},
        "actor": by or actor(),
        "authenticationMode": "DIRECTE",
        "purposeOfUse": "normal",
        "channel": "DIRECT",
        "occurredAt": 1_704_400_000_000,
    }


def unique_id(number: int) -> str:
    return f"{ROOT}.{number}"


def document(number: int, **changes: Any) -> dict[str, Any]:
    content = f"document {number}".encode()
    base = {
        "uniqueId": unique_id(number),
        "replaces": None,
        "setId": None,
        "versionNumber": None,
        "typeCode": "11502-2",
        "classCode": "10",
        "formatCode": "urn:ihe:lab:xd-lab:2008",
        "mimeType": "text/xml",
        "hash": hashlib.sha1(content, usedforsecurity=False).digest(),
        "sha256": hashlib.sha256(content).digest(),
        "size": len(content),
        "languageCode": "fr-FR",
        "title": "Compte rendu d'examens biologiques",
        "comments": None,
        "sourcePatientId": None,
        "sourcePatientInfo": None,
        "authors": [
            {
                "id": DR_A,
                "name": "DURANT Romuald",
                "functionCode": None,
                "specialtyCode": None,
                "organisationId": LAB,
                "organisationName": "Laboratoire",
                "isDevice": False,
            }
        ],
        "legalAuthenticatorId": DR_A,
        "legalAuthenticatorName": None,
        "legalAuthenticationTime": None,
        "custodianId": LAB,
        "creationTime": "20240104160527+0100",
        "serviceStartTime": "20240104150000+0100",
        "serviceStopTime": None,
        "healthcareFacilityTypeCode": "SA25",
        "practiceSettingCode": "AMBULATOIRE",
        "confidentialityCode": "N",
        "masquePs": False,
        "invisiblePatient": False,
        "invisibleRepresentantsLegaux": False,
        "eventCodeList": [],
        "referenceIdList": [],
    }
    return {**base, **changes}


def dicom(tail: bytes = b"") -> bytes:
    """Bytes that begin as a DICOM file does."""
    return bytes(128) + b"DICM" + tail


def bytes_of(content: bytes) -> dict[str, Any]:
    """The fields of a document that has these bytes."""
    return {
        "hash": hashlib.sha1(content, usedforsecurity=False).digest(),
        "sha256": hashlib.sha256(content).digest(),
        "size": len(content),
    }


KOS: Final[dict[str, Any]] = {
    "typeCode": "IMG-KOS",
    "classCode": "31",
    "formatCode": "1.2.840.10008.5.1.4.1.1.88.59",
    "mimeType": "application/dicom",
    "referenceIdList": [
        {"value": f"{number}", "authority": ROOT, "typeCode": kind}
        for number, kind in enumerate(
            (
                "urn:ihe:iti:xds:2013:accession",
                "urn:ihe:iti:xds:2013:order",
                "urn:ihe:iti:xds:2016:studyInstanceUID",
            )
        )
    ],
}
"""The fields of a document that is no CDA."""


def deposit(
    number: int,
    *,
    matricule: str = ANNA,
    by: dict[str, Any] | None = None,
    message_id: bytes | None = None,
    content: bytes | None = None,
    visibility_only: bool = False,
    **changes: Any,
) -> tuple[str, dict[str, Any]]:
    if content is not None:
        kind = KOS if "mimeType" not in changes else {}
        changes = {**bytes_of(content), **kind, **changes}
    return "DepositDocument", {
        "messageId": message_id or uuid.uuid4().bytes,
        "provenance": provenance(by),
        "ins": ins(matricule),
        "visibilityOnly": visibility_only,
        "submissionSet": None,
        "document": document(number, **changes),
        "content": content,
    }


def operation(
    name: str,
    number: int,
    *,
    matricule: str = ANNA,
    by: dict[str, Any] | None = None,
    message_id: bytes | None = None,
    **fields: Any,
) -> tuple[str, dict[str, Any]]:
    """A life-cycle message for document `number`."""
    datum: dict[str, Any] = {
        "messageId": message_id or uuid.uuid4().bytes,
        "provenance": provenance(by),
        "ins": ins(matricule),
        "uniqueId": unique_id(number),
        "reason": None,
    }
    if name == "ChangeVisibility":
        flags = ("masquePs", "invisiblePatient", "invisibleRepresentantsLegaux")
        datum.update(dict.fromkeys(flags))
    return name, {**datum, **fields}


def mask(
    number: int, on: bool = True, *, by: dict[str, Any] | None = None, **fields: Any
) -> tuple[str, dict[str, Any]]:
    return operation("ChangeVisibility", number, by=by or patient(), masquePs=on, **fields)


TRAITS = {
    "birthName": "PAT-TROIS",
    "birthGivenName": "DOMINIQUE",
    "givenNames": "DOMINIQUE MARIE-LOUISE",
    "sex": "F",
    "birthDate": "19790328",
    "birthPlace": "51215",
    "usedName": None,
    "usedGivenName": None,
}


def record_message(
    name: str,
    *,
    matricule: str = ANNA,
    status: str = "QUALIFIEE",
    message_id: bytes | None = None,
    **fields: Any,
) -> tuple[str, dict[str, Any]]:
    """A message of topic `patients`; the space is activated by its owner."""
    by = patient(matricule) if name == "ActivateRecord" else None
    datum: dict[str, Any] = {
        "messageId": message_id or uuid.uuid4().bytes,
        "provenance": provenance(by),
        "ins": ins(matricule, status),
    }
    if name == "DeclareIdentity":
        datum.update(traits=TRAITS, insiRequestedAt=None)
    elif name != "ActivateRecord":
        datum["reason"] = None
    if name == "CloseRecord":
        datum.update(reasonCode="PERSON_ASKED", closedOn=None)
    if name in ("LinkIns", "UnlinkIns"):
        datum.update(otherOid=OID, otherMatricule=BRUNO)
    return name, {**datum, **fields}


def key_of(datum: dict[str, Any]) -> bytes:
    return feed_key(datum).encode()


def feed_record(message: tuple[str, dict[str, Any]], offset: int = 0) -> FeedRecord:
    name, datum = message
    headers = (
        ("ce_id", str(uuid.UUID(bytes=datum["messageId"])).encode()),
        ("ce_source", SOFTWARE.encode()),
        ("ce_type", name.encode()),
    )
    return FeedRecord(
        offset, -1, 1_700_000_000_000 + offset, key_of(datum), encode(name, datum), headers
    )


def partition_for(message: tuple[str, dict[str, Any]]) -> Partition:
    name, datum = message
    return Partition(TOPIC_OF[name], partition_of(key_of(datum), PARTITIONS))
