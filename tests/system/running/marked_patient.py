"""A patient nobody else is, and all the ways his data can come: right, wrong, hostile.

Test identity (test OID). Every name, title and identifier of his is a word found nowhere else.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from copy import deepcopy
from hashlib import sha1, sha256
from typing import Any, Final
from uuid import uuid4

from tests.system.running.avro_folder import AvroFolder

OID: Final = "1.2.250.1.213.1.4.10"
BODY: Final = "2770799987996"
MATRICULE: Final = f"{BODY}{97 - int(BODY) % 97:02}"
KEY: Final = f"{OID}|{MATRICULE}"
FAMILY: Final = "QUETZALBRUMAIRE"
GIVEN: Final = "XYLOPHANIE"
USED: Final = "WOLFRAMINSKY"
TITLE: Final = "Inoubliabilis de Xylophanie"
UID_ROOT: Final = "2.25.31415926535897932384626433"

SECRETS: Final = (MATRICULE, BODY, FAMILY, GIVEN, USED, "Inoubliabilis", UID_ROOT)

Message = tuple[bytes, bytes, tuple[tuple[str, bytes | None], ...]]
"""Key, value and headers of a record of the topic `documents`."""


def marks() -> list[bytes]:
    """Every secret as text, in hexadecimal, and in base64 at each of its three places; lower case,
    but for base64.
    """
    found = []
    for secret in SECRETS:
        plain = secret.encode()
        found += [plain.lower(), plain.hex().encode(), plain[::-1].lower()]
        found += [plain.decode().lower().encode("utf-16-le")]
    return found


def marks_in_base64() -> list[bytes]:
    """The middle of each secret as base64 writes it, whatever stands before it."""
    return [base64.b64encode(b"x" * n + s.encode())[4:-4] for s in SECRETS for n in range(3)]


def found_in(data: bytes) -> list[str]:
    """The secrets that these bytes carry, as text or written otherwise."""
    low = data.lower()
    found = [mark.decode(errors="replace") for mark in marks() if mark in low]
    return found + [mark.decode() for mark in marks_in_base64() if mark in data]


def disguised(file: bytes, number: int) -> bytes:
    """A simulated CDA file as one of the marked patient, with a uniqueId of his."""
    for pattern, by in (
        (rf'root="{re.escape(OID)}" extension="[^"]*"', f'root="{OID}" extension="{MATRICULE}"'),
        (r'<family qualifier="BR">[^<]*', f'<family qualifier="BR">{FAMILY}'),
        (r'<family qualifier="CL">[^<]*', f'<family qualifier="CL">{USED}'),
        (r"<given>[^<]*</given>(?=<given q)", f"<given>{GIVEN}</given>"),
        (r'<given qualifier="(BR|CL)">[^<]*', rf'<given qualifier="\1">{GIVEN}'),
        (r"(?<=</code>)<title>[^<]*|(?<=/>)<title>[^<]*", f"<title>{TITLE}"),
        (r'(<id root="2\.25\.\d+\.\d+"/>)(?=<code)', f'<id root="{UID_ROOT}.{number}"/>'),
    ):
        file = re.sub(pattern.encode(), by.encode(), file, count=0 if "given q" in pattern else 1)
    return file


def variations(avro: AvroFolder, deposit: dict[str, Any]) -> Iterator[Message]:
    """From one good deposit: operations, repetitions, conflicts, and every kind of refusal."""
    make = _Maker(avro, deposit)
    document = deposit["document"]
    visibility = {"masquePs": None, "invisiblePatient": True, "invisibleRepresentantsLegaux": None}
    target = {"uniqueId": document["uniqueId"], "reason": f"{GIVEN} {FAMILY}"}
    yield make.operation("ChangeVisibility", {**target, **visibility})
    yield make.operation("ChangeVisibility", {**target, **visibility, "invisiblePatient": False})
    early = {**target, "uniqueId": f"{UID_ROOT}.99", **visibility}
    yield make.operation("ChangeVisibility", early)
    yield make.operation("ArchiveDocument", target)
    yield make.deposit()
    yield make.deposit(masquePs=True)
    yield make.deposit(uniqueId=f"{UID_ROOT}.7", title=f"{TITLE}\x07")
    yield make.deposit(uniqueId=f"{FAMILY} {UID_ROOT}")
    yield make.deposit(uniqueId=f"{UID_ROOT}.8", typeCode=FAMILY)
    yield make.deposit(uniqueId=f"{UID_ROOT}.9", serviceStartTime=MATRICULE)
    yield make.deposit(uniqueId=f"{UID_ROOT}.10", sourcePatientId=f"{FAMILY}^^^{MATRICULE}")
    yield from _of_bytes(make, deposit)
    yield from _of_form(make)


def acts(avro: AvroFolder, deposit: dict[str, Any]) -> Iterator[Message]:
    """What is said of his record, well and badly, in words that name him; topic `patients`."""
    make = _Maker(avro, deposit)
    at = deposit["provenance"]["occurredAt"]
    words = f"{GIVEN} {FAMILY} {MATRICULE}"
    holder = {"professionalId": deposit["provenance"]["actor"]["id"], "reason": words}
    named = {**holder, "professionalName": words}
    access = {"action": "READ", "outcome": "GRANTED", "accessedAt": at, "motive": words}
    for mode in ("NORMAL", "BREAK_GLASS", "SECRET"):
        yield make.operation("RecordAccess", {**access, "mode": mode, "documentIds": ["1.2.3"]})
    broken = {**access, "mode": "BREAK_GLASS", "documentIds": [MATRICULE, FAMILY]}
    yield make.operation("RecordAccess", broken)
    yield make.operation("AuthoriseAccess", {**named, "until": None})
    yield make.operation("AuthoriseAccess", {**named, "until": 1})
    yield make.operation("BlockProfessional", named)
    yield make.operation("BlockProfessional", {**named, "professionalId": words})
    yield make.operation("DesignateAttendingPhysician", {**named, "professionalId": KEY})
    yield make.operation("OpposeEmergencyAccess", {"access": "REGULATION", "reason": words})


def _of_bytes(make: _Maker, deposit: dict[str, Any]) -> Iterator[Message]:
    bomb = f'<!DOCTYPE a [<!ENTITY b "{FAMILY} {MATRICULE}">]><a>&b;</a>'.encode()
    yield make.deposit(bomb, uniqueId=f"{UID_ROOT}.20")
    yield make.deposit(deposit["content"] + b" ", uniqueId=deposit["document"]["uniqueId"])
    yield make.deposit(deposit["content"], uniqueId=f"{UID_ROOT}.21")
    yield make.deposit(deposit["content"], uniqueId=f"{UID_ROOT}.22", size=1)


def _of_form(make: _Maker) -> Iterator[Message]:
    key, value, headers = make.deposit(uniqueId=f"{UID_ROOT}.30")
    telltale = (
        ("ce_source", KEY.encode()),
        ("ce_id", f"{GIVEN} {FAMILY}".encode()),
        ("traceparent", MATRICULE.encode()),
    )
    yield key, value[:-40], telltale
    yield key, value + TITLE.encode(), telltale
    yield key, b"", telltale
    yield key, f"{KEY} {GIVEN} {FAMILY} {TITLE}".encode(), telltale
    yield key, value[:2] + MATRICULE.encode()[:8] + value[10:], telltale
    yield MATRICULE.encode(), value, headers
    yield FAMILY.encode(), value, telltale
    wrong = f"{BODY}{(int(MATRICULE[13:]) % 97) + 1:02}"
    yield make.deposit(uniqueId=f"{UID_ROOT}.31", matricule=wrong)
    yield make.deposit(uniqueId=f"{UID_ROOT}.32", software=KEY)
    yield make.deposit(uniqueId=f"{UID_ROOT}.33", software=f"{FAMILY} \x00")


class _Maker:
    def __init__(self, avro: AvroFolder, deposit: dict[str, Any]) -> None:
        self._avro = avro
        self._deposit = deposit

    def operation(self, schema: str, fields: dict[str, Any]) -> Message:
        head = {name: self._deposit[name] for name in ("provenance", "ins")}
        return self._message(schema, {**head, **fields})

    def deposit(
        self,
        content: bytes | None = None,
        *,
        matricule: str = MATRICULE,
        software: str | None = None,
        **document: Any,
    ) -> Message:
        """Without bytes unless given; hashes and size fit them unless `document` says otherwise."""
        datum = deepcopy(self._deposit)
        if content is not None:
            hashes = {
                "hash": sha1(content, usedforsecurity=False).digest(),
                "sha256": sha256(content).digest(),
                "size": len(content),
            }
            datum["document"] |= hashes
        datum["document"] |= document
        datum["content"] = content
        datum["ins"]["matricule"] = matricule
        if software is not None:
            datum["provenance"]["software"]["id"] = software
        return self._message("DepositDocument", datum)

    def _message(self, schema: str, datum: dict[str, Any]) -> Message:
        message_id = uuid4()
        value = self._avro.write(schema, {**datum, "messageId": message_id.bytes})
        headers = (("ce_id", str(message_id).encode()), ("ce_type", schema.encode()))
        key = f"{OID}|{datum['ins']['matricule']}".encode()
        return key, value, headers
