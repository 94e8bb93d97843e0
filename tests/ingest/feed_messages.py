"""Messages for the tests of ingestion: valid ones, of which a test changes what it is about."""

from __future__ import annotations

import uuid
from typing import Any, Final

from ingest.feed import FeedRecord, Partition, partition_of
from ingest.read.site import Context
from schemas.codec.messages import encode
from schemas.feed.messages import FEED_TOPICS, TOPIC_OF
from schemas.forms.feed_keys import feed_key
from schemas.forms.identity import accepted_oids
from tests.samples import deposit as sample

OID: Final = sample.OID
ANNA: Final = sample.ANNA
ROOT: Final = sample.ROOT
ins = sample.ins
bytes_of = sample.bytes_of
BRUNO = "124018852493334"
CLARA = "185052A00412356"
DR_A: Final = sample.DOCTOR
DR_B = "1.2.250.1.71.4.2.1^899999999994"
LAB: Final = sample.LABORATORY
HOSPITAL = "1.2.250.1.71.4.2.2^1330781360"
SOFTWARE = "1.2.250.1.999.7.1"
PARTITIONS = 4
TOPICS = dict.fromkeys(FEED_TOPICS, PARTITIONS)
CONTEXT = Context(accepted_oids("test"), TOPICS, 8 * 1024 * 1024)


def actor(
    who: str = DR_A, role: str | None = "10", organisation: str | None = LAB
) -> dict[str, Any]:
    return sample.actor(who, roleCode=role, organisationId=organisation)


def patient(matricule: str = ANNA) -> dict[str, Any]:
    return actor(f"{OID}^{matricule}", "PATIENT", None)


def stranger() -> dict[str, Any]:
    """A professional of elsewhere."""
    return actor(DR_B, "10", HOSPITAL)


def provenance(by: dict[str, Any] | None = None) -> dict[str, Any]:
    software = {"id": SOFTWARE, "name": "LGC", "version": "1.0", "approval": None}
    return sample.provenance(software=software, actor=by or actor())


def unique_id(number: int) -> str:
    return f"{ROOT}.{number}"


def document(number: int, **changes: Any) -> dict[str, Any]:
    plain = {
        "uniqueId": unique_id(number),
        "setId": None,
        "versionNumber": None,
        "sourcePatientId": None,
        "sourcePatientInfo": None,
        "authors": [sample.author(specialtyCode=None)],
        "legalAuthenticatorName": None,
        "legalAuthenticationTime": None,
        "serviceStopTime": None,
        "eventCodeList": [],
        **bytes_of(f"document {number}".encode()),
    }
    return sample.document(**{**plain, **changes})


def dicom(tail: bytes = b"") -> bytes:
    """Bytes that begin as a DICOM file does."""
    return bytes(128) + b"DICM" + tail


KOS: Final[dict[str, Any]] = sample.kos()
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
    return "DepositDocument", sample.deposit(
        messageId=message_id or uuid.uuid4().bytes,
        provenance=provenance(by),
        ins=ins(matricule),
        visibilityOnly=visibility_only,
        submissionSet=None,
        document=document(number, **changes),
        content=content,
    )


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


TRAITS: Final = sample.traits()


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
