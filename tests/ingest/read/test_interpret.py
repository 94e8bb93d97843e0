"""Reading a record of the feed: any bytes give a message or a reason; each rule has its fault."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.facts.message import Deposit, Interpreted, Operation
from ingest.feed import FeedRecord, Partition
from ingest.read.interpret import Rejected, interpret
from schemas.codec.messages import decode_event, encode
from schemas.forms.stream_ids import document_stream
from schemas.forms.texts import software_id_is_fit
from schemas.rules.table.rejections import REJECTIONS
from tests.ingest.feed_messages import (
    ANNA,
    BRUNO,
    CONTEXT,
    OID,
    SOFTWARE,
    actor,
    deposit,
    dicom,
    feed_record,
    ins,
    mask,
    operation,
    partition_for,
    provenance,
    record_message,
    unique_id,
)

Message = tuple[str, dict[str, Any]]


def read(message: Message, **changes: Any) -> Interpreted | Rejected:
    return interpret(replace(feed_record(message), **changes), partition_for(message), CONTEXT)


def code_of(message: Message, **changes: Any) -> tuple[str, str | None]:
    found = read(message, **changes)
    assert isinstance(found, Rejected), "taken"
    return found.rejection.code, found.rejection.path


def test_a_deposit_is_read_with_all_that_is_stored() -> None:
    content = dicom(b"x" * 10)
    message = deposit(1, content=content, replaces=unique_id(2))
    found = read(message)
    assert isinstance(found, Deposit)
    assert found.stream == document_stream(unique_id(1))
    assert found.target == document_stream(unique_id(2))
    assert found.content == content
    assert decode_event("DepositDocument", found.submitted) == {**message[1], "content": None}
    assert found.software_id == SOFTWARE
    assert found.ins == f"{OID}|{ANNA}"


def test_other_messages_carry_the_digest_of_their_bytes() -> None:
    message = mask(1)
    found = read(message)
    assert isinstance(found, Operation)
    assert found.digest == hashlib.sha256(encode(*message)).digest()


KEY_RULES = [
    ({"value": None}, "value_empty"),
    ({"value": b""}, "value_empty"),
    ({"value": b"{}"}, "not_single_object"),
    ({"value": b"\xc3\x01" + b"\0" * 9}, "schema_unknown"),
    ({"key": None}, "key_missing"),
    ({"key": b""}, "key_missing"),
    ({"key": f"{OID}|{BRUNO}".encode()}, "key_mismatch"),
    ({"headers": (("ce_id", b"not a uuid"),)}, "message_id_mismatch"),
    ({"headers": (("ce_id", str(uuid.uuid4()).encode()),)}, "message_id_mismatch"),
    ({"headers": (("ce_id", None),)}, "message_id_mismatch"),
]


@pytest.mark.parametrize(("changes", "code"), KEY_RULES)
def test_key_and_headers(changes: dict[str, Any], code: str) -> None:
    assert code_of(deposit(1), **changes)[0] == code


def test_ce_id_may_be_left_out() -> None:
    assert isinstance(read(deposit(1), headers=()), Interpreted)


def test_truncated_and_padded_bytes_are_refused() -> None:
    value = encode(*deposit(1))
    assert code_of(deposit(1), value=value[:-1])[0] == "malformed"
    assert code_of(deposit(1), value=value + b"\0")[0] in ("malformed", "not_canonical")


def test_topic_and_partition() -> None:
    message = deposit(1)
    at = partition_for(message)
    found = interpret(feed_record(message), Partition("patients", at.number), CONTEXT)
    assert isinstance(found, Rejected)
    assert found.rejection.code == "schema_not_of_topic"
    found = interpret(feed_record(message), Partition("documents", (at.number + 1) % 4), CONTEXT)
    assert isinstance(found, Rejected)
    assert found.rejection.code == "partition_mismatch"


def test_a_stored_event_or_an_outcome_on_the_feed_is_not_of_the_topic() -> None:
    event = {"provenance": provenance()}
    value = encode("RecordActivated", event)
    assert code_of(deposit(1), value=value)[0] == "schema_not_of_topic"


SOFTWARE_CLAIMS = provenance()["software"]

WHOLE = [
    ({"ins": {**ins(), "oid": "1.2.250.1.213.1.4.8"}}, "ins_oid_not_accepted", "ins.oid"),
    ({"ins": ins("279035121518988")}, "ins_key_wrong", "ins.matricule"),
    ({"ins": ins("27903512151898")}, "ins_malformed", "ins.matricule"),
    ({"ins": ins(status="VALIDEE")}, "identity_not_qualified", "ins.status"),
    ({"provenance": provenance(actor("DURANT"))}, "identifier_malformed", "provenance.actor.id"),
    (
        {"provenance": {**provenance(), "software": {**SOFTWARE_CLAIMS, "id": ""}}},
        "text_malformed",
        "provenance.software.id",
    ),
    (
        {"provenance": {**provenance(), "software": {**SOFTWARE_CLAIMS, "id": f"x {ANNA}"}}},
        "text_malformed",
        "provenance.software.id",
    ),
]


@pytest.mark.parametrize(("changes", "code", "path"), WHOLE)
def test_identity_and_provenance(changes: dict[str, Any], code: str, path: str) -> None:
    name, datum = deposit(1)
    assert code_of((name, {**datum, **changes})) == (code, path)


FIELDS = [
    ("uniqueId", "abc", "unique_id_malformed"),
    ("uniqueId", "1." + "2" * 64, "unique_id_malformed"),
    ("replaces", "abc", "unique_id_malformed"),
    ("replaces", "urn:oid:" + unique_id(1), "replaces_itself"),
    ("typeCode", "00000-0", "type_unknown"),
    ("classCode", "11", "class_contradicts_type"),
    ("formatCode", "urn:none", "format_unknown"),
    ("mimeType", "application/pdf", "mime_type_unknown"),
    ("healthcareFacilityTypeCode", "SA999", "facility_unknown"),
    ("practiceSettingCode", "ESSMS", "practice_setting_unknown"),
    ("languageCode", "french", "language_malformed"),
    ("creationTime", "20241301", "time_malformed"),
    ("serviceStartTime", "", "time_malformed"),
    ("serviceStopTime", "yesterday", "time_malformed"),
    ("legalAuthenticationTime", "2024010", "time_malformed"),
    ("authors", [], "author_missing"),
    ("legalAuthenticatorId", "", "identifier_malformed"),
    ("custodianId", "the hospital", "identifier_malformed"),
    ("sourcePatientId", "42", "identifier_malformed"),
    ("title", "", "text_malformed"),
    ("title", "a\x00b", "text_malformed"),
    ("comments", "x" * 5000, "text_malformed"),
    ("size", 0, "size_mismatch"),
    ("size", -1, "size_mismatch"),
    ("eventCodeList", [{"code": "", "system": "1.2"}], "text_malformed"),
]


@pytest.mark.parametrize(("field", "value", "code"), FIELDS)
def test_fields_of_a_document(field: str, value: Any, code: str) -> None:
    found, path = code_of(deposit(1, **{field: value}))
    assert found == code
    assert path is not None
    assert path.startswith("document.")


def test_a_french_title_with_its_special_spaces_is_fine() -> None:
    assert isinstance(read(deposit(1, title="Compte rendu\u00a0: œdème, n°\u202f3")), Interpreted)


def test_operations_and_record_messages() -> None:
    assert code_of(operation("ChangeVisibility", 1))[0] == "visibility_empty"
    assert code_of(operation("DeleteDocument", 1, uniqueId="x"))[0] == "unique_id_malformed"
    assert code_of(operation("DeleteDocument", 1, reason="\x01"))[0] == "text_malformed"
    itself = record_message("LinkIns", otherMatricule=ANNA)
    assert code_of(itself) == ("link_to_itself", "otherMatricule")
    other = record_message("LinkIns", otherMatricule="124018852493335")
    assert code_of(other) == ("ins_key_wrong", "otherMatricule")
    foreign = record_message("LinkIns", otherOid="1.2.250.1.213.1.4.8")
    assert code_of(foreign) == ("ins_oid_not_accepted", "otherOid")
    assert code_of(record_message("CloseRecord", closedOn="soon"))[0] == "time_malformed"


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("DeclareIdentity", True),
        ("OpenRecord", True),
        ("ActivateRecord", True),
        ("CloseRecord", False),
        ("OpposeFeeding", False),
        ("WithdrawOpposition", False),
        ("LinkIns", False),
        ("UnlinkIns", False),
        ("RevokeIdentity", False),
    ],
)
def test_which_record_messages_need_a_qualified_identity(name: str, needs: bool) -> None:
    found = read(record_message(name, status="PROVISOIRE"))
    assert isinstance(found, Rejected) is needs


@pytest.mark.parametrize(
    ("trait", "value"),
    [("birthName", " "), ("sex", "X"), ("birthDate", "28/03/1979"), ("birthPlace", "Reims")],
)
def test_traits(trait: str, value: str) -> None:
    name, datum = record_message("DeclareIdentity")
    traits = {**datum["traits"], trait: value}
    assert code_of((name, {**datum, "traits": traits})) == ("traits_malformed", f"traits.{trait}")


# The bytes of a document


def cda(number: int = 1, matricule: str = ANNA, code: str = "11502-2", tail: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ClinicalDocument xmlns="urn:hl7-org:v3">'
        f'<id root="{unique_id(number)}"/><code code="{code}" codeSystem="2.16.840.1.113883.6.1"/>'
        f'<recordTarget><patientRole><id root="{OID}" extension="{matricule}"/></patientRole>'
        f"</recordTarget>{tail}</ClinicalDocument>"
    ).encode()


def with_bytes(content: bytes, **changes: Any) -> Message:
    return deposit(1, content=content, **{"mimeType": "text/xml", **changes})


def test_bytes_that_say_the_same_are_taken() -> None:
    assert isinstance(read(with_bytes(cda())), Interpreted)


@pytest.mark.parametrize(
    ("content", "changes", "code"),
    [
        (cda(), {"size": 3}, "size_mismatch"),
        (cda(), {"sha256": b"\0" * 32}, "hash_mismatch"),
        (cda(), {"hash": b"\0" * 20}, "hash_mismatch"),
        (cda(matricule=BRUNO), {}, "patient_mismatch"),
        (cda(number=2), {}, "unique_id_mismatch"),
        (cda(code="34133-9"), {}, "type_mismatch"),
        (cda()[:-8], {}, "content_refused"),
        (b"%PDF-1.7", {}, "content_refused"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]>' + cda(), {}, "content_refused"),
    ],
)
def test_bytes_that_say_otherwise_are_refused(
    content: bytes, changes: dict[str, Any], code: str
) -> None:
    assert code_of(with_bytes(content, **changes))[0] == code


def test_bytes_over_the_limit_are_refused() -> None:
    message = with_bytes(cda())
    small = replace(CONTEXT, content_bytes_max=10)
    found = interpret(feed_record(message), partition_for(message), small)
    assert isinstance(found, Rejected)
    assert found.rejection.code == "too_large"


# What a refused record still tells


@pytest.mark.parametrize(
    ("source", "software"),
    [
        (b"1.2.250.1.999", "1.2.250.1.999"),
        (b"279035121518989", "unknown"),
        (f"{OID}|{ANNA}".encode(), "unknown"),
        (b"x" * 300, "unknown"),
        (b"\xff\xfe", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_software_of_an_unreadable_record_is_never_a_person(
    source: bytes | None, software: str
) -> None:
    record = FeedRecord(0, -1, 0, b"k", b"garbage", (("ce_source", source),))
    found = interpret(record, Partition("documents", 0), CONTEXT)
    assert isinstance(found, Rejected)
    assert found.software_id == software


headers = st.lists(
    st.tuples(
        st.sampled_from(["ce_id", "ce_source", "x"]),
        st.none() | st.binary(max_size=40) | st.uuids().map(lambda u: str(u).encode()),
    ),
    max_size=4,
).map(tuple)


@given(
    key=st.none() | st.binary(max_size=60),
    value=st.none() | st.binary(max_size=400),
    headers=headers,
)
@example(key=b"k", value=b"\xc3\x01", headers=())
def test_arbitrary_bytes_never_raise(key: Any, value: Any, headers: Any) -> None:
    found = interpret(FeedRecord(0, -1, 0, key, value, headers), Partition("documents", 0), CONTEXT)
    assert isinstance(found, Rejected)
    assert found.rejection.code in REJECTIONS


SAMPLES = [
    deposit(1, content=cda(), mimeType="text/xml", replaces=unique_id(2)),
    mask(1),
    record_message("LinkIns"),
    record_message("DeclareIdentity"),
]


@given(
    sample=st.sampled_from(SAMPLES),
    edits=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=3), st.integers(0, 3)),
        min_size=1,
        max_size=4,
    ),
)
def test_mutated_valid_messages_never_raise(sample: Message, edits: list[Any]) -> None:
    value = encode(*sample)
    for where, new, removed in edits:
        at = 10 + int(where * (len(value) - 10))
        value = value[:at] + new + value[at + removed :]
    found = interpret(replace(feed_record(sample), value=value), partition_for(sample), CONTEXT)
    if isinstance(found, Rejected):
        assert found.rejection.code in REJECTIONS
    else:
        assert len(found.message_id) == 16


@pytest.mark.parametrize(
    "software",
    ["2 77 07 99 987 996 14", "2770799987996", "277079998799614", "lab-2.77.07.99.987.996"],
)
def test_a_software_named_like_a_matricule_is_not_repeated(software: str) -> None:
    assert not software_id_is_fit(software)


@pytest.mark.parametrize(
    "software", ["1.2.250.1.999.12.7", "LabSoft 4.2", "urn:uuid/ab-12", "histoire"]
)
def test_ordinary_software_ids_are_fit(software: str) -> None:
    assert software_id_is_fit(software)
