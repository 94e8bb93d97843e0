"""Builds the events that projection tests are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest.eventstore.append_batch import RecordedEvent
from schemas import events as names
from schemas.codec.messages import encode
from schemas.forms.stream_ids import document_stream
from tests.samples import deposit as sample

START = datetime(2026, 1, 1, tzinfo=UTC)


DOC_PAUL = "1.2.250.1.71.4.2.1^899700000001"
PRACTICE = "1.2.250.1.71.4.2.2^1750000001"


def provenance(channel: str = "DIRECT") -> dict[str, Any]:
    by = sample.actor(
        DOC_PAUL,
        name="DOC PAUL",
        organisationId=PRACTICE,
        organisationName="CABINET",
        sectorCode="SA07",
    )
    software = {"id": "1.2.3.4", "name": "LGC", "version": "1", "approval": None}
    at = milliseconds(START)
    return sample.provenance(software=software, actor=by, channel=channel, occurredAt=at)


def ins(number: int) -> dict[str, Any]:
    return sample.ins(f"1800175{number % 10**8:08d}")


def author(who: str = DOC_PAUL, org: str | None = None) -> dict[str, Any]:
    return sample.author(
        who,
        name="DOC PAUL",
        specialtyCode="G15_10/SM26",
        organisationId=org or PRACTICE,
        organisationName="CABINET",
    )


def deposit(uid: str, record: int = 1, **changes: Any) -> dict[str, Any]:
    """A deposit; keyword arguments replace fields of `document`, or of the message by name."""
    ours: dict[str, Any] = {
        "messageId": document_stream(uid),
        "provenance": provenance(),
        "ins": ins(record),
        "submissionSet": None,
        "uniqueId": uid,
        "setId": None,
        "classCode": "31",
        "sha256": document_stream(uid) * 2,
        "size": 12_345,
        "title": "CR d'examens biologiques",
        "sourcePatientId": None,
        "sourcePatientInfo": None,
        "authors": [author()],
        "legalAuthenticatorId": DOC_PAUL,
        "legalAuthenticatorName": "DOC PAUL",
        "legalAuthenticationTime": "20251231120000+0100",
        "custodianId": None,
        "creationTime": "20251231110000+0100",
        "serviceStartTime": "20251230083000+0100",
        "serviceStopTime": None,
        "eventCodeList": [{"code": "LOINC", "system": "2.16.840.1.113883.6.1"}],
    }
    return sample.deposit(**{**ours, **changes})


def traits(birth_date: str = "19800101") -> dict[str, Any]:
    return sample.traits(
        birthName="TESTE",
        birthGivenName="ANNE",
        givenNames="ANNE MARIE",
        birthDate=birth_date,
        birthPlace=None,
    )


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@dataclass
class Log:
    """A log under construction: each method appends one event and returns it."""

    events: list[RecordedEvent] = field(default_factory=list)
    versions: dict[bytes, int] = field(default_factory=dict)

    def add(self, stream: bytes, record: int, name: str, said: dict[str, Any]) -> RecordedEvent:
        version = self.versions[stream] = self.versions.get(stream, 0) + 1
        position = len(self.events) * 2 + 2  # holes are normal: never count on last + 1
        event = RecordedEvent(
            position,
            record,
            START + timedelta(seconds=position),
            stream,
            version,
            name,
            1,
            None,
            encode(names.SCHEMA_OF[name], said),
        )
        self.events.append(event)
        return event

    def submitted(self, uid: str, record: int = 1, **changes: Any) -> RecordedEvent:
        return self.add(
            document_stream(uid),
            record,
            names.DOCUMENT_SUBMITTED,
            deposit(uid, record, **changes),
        )

    def replaced(self, uid: str, by: str, record: int = 1, visibility: bool = False) -> None:
        self._document(
            uid, record, names.DOCUMENT_REPLACED, {"replacedBy": by, "visibilityOnly": visibility}
        )

    def flag(
        self, uid: str, flag: str, on: bool, record: int = 1, by_patient: bool = False
    ) -> None:
        said = {
            "flag": flag,
            "on": on,
            "byPatient": by_patient,
            "inheritedFrom": None,
            "reason": None,
        }
        self._document(uid, record, names.DOCUMENT_VISIBILITY_CHANGED, said)

    def archived(self, uid: str, record: int = 1) -> None:
        self._document(uid, record, names.DOCUMENT_ARCHIVED, {"reason": None})

    def unarchived(self, uid: str, record: int = 1) -> None:
        self._document(uid, record, names.DOCUMENT_UNARCHIVED, {"reason": None})

    def deleted(self, uid: str, record: int = 1) -> None:
        self._document(uid, record, names.DOCUMENT_DELETED, {"reason": None})

    def content_added(self, uid: str, record: int = 1) -> None:
        said = {"sha256": document_stream(uid) * 2, "size": 12_345}
        self._document(uid, record, names.DOCUMENT_CONTENT_ADDED, said)

    def opened(self, record: int = 1, implicit: bool = True) -> None:
        self._record(
            record,
            names.RECORD_OPENED,
            {"ins": ins(record), "implicit": implicit, "reason": None},
        )

    def closed(self, record: int = 1, motive: str = "PERSON_ASKED") -> None:
        said = {"reasonCode": motive, "closedOn": None, "reason": None}
        self._record(record, names.RECORD_CLOSED, said)

    def activated(self, record: int = 1) -> None:
        self._record(record, names.RECORD_ACTIVATED, {})

    def opposed(self, record: int = 1) -> None:
        self._record(record, names.RECORD_OPPOSED, {"reason": None})

    def declared(self, record: int = 1, birth_date: str = "19800101") -> None:
        said = {"ins": ins(record), "traits": traits(birth_date), "insiRequestedAt": None}
        self._record(record, names.IDENTITY_DECLARED, said)

    def linked(self, one: int, other: int) -> None:
        self._record(one, names.RECORD_LINKED, {"otherRecord": other, "reason": None})
        self._record(other, names.RECORD_LINKED, {"otherRecord": one, "reason": None})

    def unlinked(self, one: int, other: int) -> None:
        self._record(one, names.RECORD_UNLINKED, {"otherRecord": other, "reason": None})
        self._record(other, names.RECORD_UNLINKED, {"otherRecord": one, "reason": None})

    def authorised(self, who: str, until: datetime, record: int = 1) -> None:
        said = {"professionalId": who, "professionalName": "DR NAME", "until": milliseconds(until)}
        self._record(record, names.ACCESS_AUTHORISED, {**said, "reason": None})

    def withdrawn(self, who: str, record: int = 1) -> None:
        said = {"professionalId": who, "reason": None}
        self._record(record, names.ACCESS_WITHDRAWN, said)

    def blocked(self, who: str, record: int = 1) -> None:
        said = {"professionalId": who, "professionalName": None, "reason": None}
        self._record(record, names.PROFESSIONAL_BLOCKED, said)

    def unblocked(self, who: str, record: int = 1) -> None:
        said = {"professionalId": who, "reason": None}
        self._record(record, names.PROFESSIONAL_UNBLOCKED, said)

    def designated(self, who: str, record: int = 1) -> None:
        said = {"professionalId": who, "professionalName": "DR NAME", "reason": None}
        self._record(record, names.ATTENDING_PHYSICIAN_DESIGNATED, said)

    def ended(self, who: str, record: int = 1) -> None:
        said = {"professionalId": who, "reason": None}
        self._record(record, names.ATTENDING_PHYSICIAN_ENDED, said)

    def emergency_opposed(self, access: str, record: int = 1) -> None:
        said = {"access": access, "reason": None}
        self._record(record, names.EMERGENCY_ACCESS_OPPOSED, said)

    def emergency_opposition_withdrawn(self, access: str, record: int = 1) -> None:
        said = {"access": access, "reason": None}
        self._record(record, names.EMERGENCY_OPPOSITION_WITHDRAWN, said)

    def accessed(self, who: str, record: int = 1, **changes: Any) -> None:
        """An access; keyword arguments replace its fields."""
        by = provenance()
        by["actor"]["id"] = who
        said = {
            "provenance": by,
            "mode": "NORMAL",
            "motive": None,
            "action": "LIST",
            "outcome": "GRANTED",
            "documentIds": [],
            "accessedAt": milliseconds(START),
            **changes,
        }
        self.add(record_stream(record), record, names.RECORD_ACCESSED, said)

    def _document(self, uid: str, record: int, name: str, said: dict[str, Any]) -> None:
        said = {"provenance": provenance(), "uniqueId": uid, **said}
        self.add(document_stream(uid), record, name, said)

    def _record(self, record: int, name: str, said: dict[str, Any]) -> None:
        stream = record_stream(record)
        self.add(stream, record, name, {"provenance": provenance(), **said})


def record_stream(record: int) -> bytes:
    """Any stream of its own will do: projections never compute one."""
    return record.to_bytes(16, "big")
