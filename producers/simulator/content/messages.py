"""From a planned message to what is published: datum, encoded bytes, key, headers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha1, sha256
from typing import Any, Final

from ingest.feed.types import OutgoingRecord
from producers.publish.headers import cloud_event_headers
from producers.simulator.content.content import ContentWriter
from producers.simulator.content.metadata import document_metadata
from producers.simulator.plan.planned import Expected, Planned, PlannedDocument
from producers.simulator.randomness import between, stream
from schemas.feed.messages import TOPIC_OF, Provenance, Software

from .encoding import encode_repeating

PATIENT_SPACE: Final[Software] = {
    "id": "sim-mes",
    "name": "Espace santé du patient (simulé)",
    "version": "1.0",
    "approval": None,
}


@dataclass(frozen=True, slots=True)
class Message:
    """A message ready to be published, and its right outcomes.

    `uid`: the document it is about. `expected`: one of these outcomes is right. `then`: after a
    rejection, the outcome of the later attempt that ingestion makes by itself. `fault`: what was
    put into it on purpose.
    """

    planned: Planned
    record: OutgoingRecord
    uid: str | None
    expected: Expected
    then: Expected = ()
    fault: str | None = None

    @property
    def schema(self) -> str:
        """Name of its schema."""
        return self.planned.schema

    @property
    def message_id(self) -> bytes:
        """The identifier the message carries."""
        return self.planned.message_id


class MessageMaker:
    """Makes messages in order: the same bytes for the same seed and plan.

    With `content`, deposits carry the bytes of real documents; without, hashes and sizes such as
    documents of their kind have.
    """

    def __init__(self, seed: int, *, content: bool) -> None:
        self._content = ContentWriter(seed) if content else None
        self._hashes = stream(seed, "hashes")

    def make_all(self, plan: Iterable[Planned]) -> Iterator[Message]:
        """The messages of a plan."""
        return map(self.make, plan)

    def make(self, planned: Planned) -> Message:
        """The message of one planned message."""
        return message_of(planned, self.datum(planned))

    def datum(self, planned: Planned) -> dict[str, Any]:
        """The datum of the message, a dict of the shape of its schema."""
        datum: dict[str, Any] = {
            "messageId": planned.message_id,
            "provenance": provenance(planned),
            "ins": planned.patient.ins,
        }
        if planned.schema == "DepositDocument" and planned.document is not None:
            datum |= self._deposit(planned, planned.document)
        else:
            datum |= planned.fields
        return datum

    def _deposit(self, planned: Planned, document: PlannedDocument) -> dict[str, Any]:
        content, digest1, digest256, size = self._bytes(document)
        organisation = planned.sender.organisation
        return {
            "visibilityOnly": document.visibility_only,
            "submissionSet": {
                "uniqueId": f"{document.uid}.0",
                "sourceId": f"{organisation.patient_root}.1",
                "contentTypeCode": document.kind.content_type_code,
                "title": None,
            },
            "document": document_metadata(document, digest1, digest256, size),
            "content": content,
        }

    def _bytes(self, document: PlannedDocument) -> tuple[bytes | None, bytes, bytes, int]:
        if self._content is not None:
            content = self._content.write(document)
            digest = sha1(content, usedforsecurity=False).digest()
            return content, digest, sha256(content).digest(), len(content)
        bits = self._hashes.getrandbits(416).to_bytes(52)
        size = int(between(self._hashes, *document.kind.sizes))
        return None, bits[:20], bits[20:], size


def message_of(planned: Planned, datum: dict[str, Any]) -> Message:
    """The message with this datum; its key is the INS of the datum."""
    uid = planned.document.uid if planned.document is not None else None
    origin = datum["provenance"]
    record = OutgoingRecord(
        topic=TOPIC_OF[planned.schema],
        key=f"{datum['ins']['oid']}|{datum['ins']['matricule']}".encode(),
        value=encode_repeating(planned.schema, datum),
        headers=cloud_event_headers(
            datum["messageId"], planned.schema, origin["software"]["id"], origin["occurredAt"]
        ),
    )
    return Message(planned, record, uid, planned.expected)


def provenance(planned: Planned) -> Provenance:
    """The provenance of a message: the professional, or the patient in his own space."""
    at = planned.sent * 1000
    if planned.actor is not None:
        return planned.actor.provenance(planned.channel, at)
    return {
        "software": PATIENT_SPACE,
        "actor": planned.patient.actor,
        "authenticationMode": "DIRECTE",
        "purposeOfUse": "normal",
        "channel": "DIRECT",
        "occurredAt": at,
    }
