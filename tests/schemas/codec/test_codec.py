"""Messages and stored events: what is written is read, and nothing else does harm."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.codec.messages import (
    CONTENT_BYTES_MAX,
    ITEMS_MAX,
    MARKER,
    METADATA_BYTES_MAX,
    Decoded,
    EncodeError,
    StoredEventError,
    decode,
    decode_event,
    encode,
    without_content,
)
from schemas.rules.table.rejections import Rejection
from schemas.versions.catalogue import schema_catalogue
from tests.samples import deposit as sample
from tests.schemas.versions.avro_strategies import damaged, datums

NAMES = sorted({schema.name for schema in schema_catalogue().all()})
FEW = settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])


def datums_of(name: str) -> st.SearchStrategy[Any]:
    return datums(schema_catalogue().tree(schema_catalogue().newest(name)))


def deposit(content: bytes | None = None, **document: Any) -> dict[str, Any]:
    """A small valid deposit with these fields of the document."""
    small: dict[str, Any] = {"submissionSet": None, "sourcePatientInfo": None, "eventCodeList": []}
    return sample.deposit(**{**small, **document, "content": content})


def code_of(found: Decoded | Rejection) -> str | None:
    return found.code if isinstance(found, Rejection) else None


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(data=st.data())
def test_what_is_written_is_read(name: str, data: st.DataObject) -> None:
    datum = data.draw(datums_of(name))
    message = encode(name, datum)
    assert message[:10] == MARKER + schema_catalogue().newest(name).fingerprint
    found = decode(message)
    assert isinstance(found, Decoded)
    assert (found.name, found.datum, found.schema) == (name, datum, schema_catalogue().newest(name))
    assert decode_event(name, message) == datum


@FEW
@given(datums_of("DepositDocument"))
def test_without_content_is_the_message_with_content_null(datum: dict[str, Any]) -> None:
    message = encode("DepositDocument", datum)
    found = decode(message)
    assert isinstance(found, Decoded)
    bare = without_content(message, found)
    assert bare == encode("DepositDocument", datum | {"content": None})
    assert message.startswith(bare[:-1])


def test_without_content_leaves_messages_that_have_none() -> None:
    datum = {"notificationId": "n", "rule": "r", "ruleVersion": 1, "record": 1, "person": 1}
    datum |= {"lineage": "l", "audience": "PATIENT", "typeCode": "t", "position": 1}
    message = encode("Notification", datum | {"recordedAt": 1})
    found = decode(message)
    assert isinstance(found, Decoded)
    assert found.body_end == len(message)
    assert without_content(message, found) == message


@given(st.binary(max_size=60), st.sampled_from(schema_catalogue().all()))
def test_any_bytes_are_answered(body: bytes, schema: Any) -> None:
    for data in (body, MARKER + body, MARKER + schema.fingerprint + body):
        assert isinstance(decode(data), Decoded | Rejection)


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(data=st.data())
def test_damaged_messages_are_answered(name: str, data: st.DataObject) -> None:
    message = data.draw(damaged(encode(name, data.draw(datums_of(name)))))
    found = decode(message)
    if isinstance(found, Decoded):
        assert encode(found.name, found.datum) == message


def test_reasons() -> None:
    message = encode("DepositDocument", deposit(b"abc"))
    assert code_of(decode(message)) is None
    assert code_of(decode(b"")) == "value_empty"
    assert code_of(decode(None)) == "value_empty"
    assert code_of(decode(b"{}")) == "not_single_object"
    assert code_of(decode(b"\xc3\x02" + message[2:])) == "not_single_object"
    assert code_of(decode(MARKER + b"1234567")) == "not_single_object"
    assert code_of(decode(MARKER + b"12345678" + message[10:])) == "schema_unknown"
    assert code_of(decode(message, expected="LinkIns")) == "schema_not_of_topic"
    assert code_of(decode(message, expected="DepositDocument")) is None
    assert code_of(decode(message[:-1])) == "malformed"
    assert code_of(decode(message + b"\x00")) == "not_canonical"


def test_nothing_of_a_message_is_shown_by_repr() -> None:
    found = decode(encode("DepositDocument", deposit(title="SECRET")))
    assert isinstance(found, Decoded)
    assert "SECRET" not in repr(found)
    assert "DepositDocument" in repr(found)
    assert {found.schema: 1}[schema_catalogue().newest("DepositDocument")] == 1


def test_sizes_are_bounded_at_their_limits() -> None:
    def sent(content: bytes | None = None, **document: Any) -> str | None:
        return code_of(decode(encode("DepositDocument", deposit(content, **document))))

    def reference(count: int) -> list[dict[str, Any]]:
        return [{"value": "", "authority": None, "typeCode": ""}] * count

    bare = len(encode("DepositDocument", deposit(title=""))) + 1  # a longer length, less content
    assert sent(bytes(CONTENT_BYTES_MAX)) is None
    assert sent(bytes(CONTENT_BYTES_MAX + 1)) == "too_large"
    assert sent(title="x" * (METADATA_BYTES_MAX - bare)) is None
    assert sent(title="x" * (METADATA_BYTES_MAX - bare + 1)) == "too_large"
    assert sent(b"x", title="x" * METADATA_BYTES_MAX) == "too_large"
    assert sent(referenceIdList=reference(ITEMS_MAX - 1)) is None  # and one author
    assert sent(referenceIdList=reference(ITEMS_MAX)) == "too_large"
    other = {"notificationId": "x" * METADATA_BYTES_MAX, "rule": "r", "ruleVersion": 1}
    other |= {"record": 1, "person": 1, "lineage": "", "audience": "PATIENT", "typeCode": ""}
    long = encode("Notification", other | {"position": 1, "recordedAt": 1})
    assert code_of(decode(long)) == "too_large"
    assert decode_event("Notification", long)["rule"] == "r"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"size": None}, "document.size"),
        ({"size": 1 << 63}, "document.size"),
        ({"versionNumber": 1 << 31}, "document.versionNumber"),
        ({"title": "half a pair \ud83d"}, "document.title"),
        ({"hash": bytes(19)}, "document.hash"),
        ({"confidentialityCode": "X"}, "document.confidentialityCode"),
        ({"authors": [{"id": "SECRET"}]}, "document.authors.name"),
        (
            {"sourcePatientInfo": {"birthName": "SECRET"}},
            "document.sourcePatientInfo.birthGivenName",
        ),
        ({"document": sample.document(unknown=1)}, "document"),
    ],
)
def test_wrong_datums_name_the_field_never_the_value(change: dict[str, Any], field: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode("DepositDocument", deposit(**change))
    assert caught.value.field == field
    assert field in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_stored_bytes_that_cannot_be_read_are_said_so() -> None:
    message = encode("DepositDocument", deposit())
    for name, data in (
        ("DepositDocument", b""),
        ("DepositDocument", message[:-1]),
        ("DepositDocument", MARKER + bytes(8) + message[10:]),
        ("DepositDocument", b"\x00\x00" + message[2:]),
        ("LinkIns", message),
    ):
        with pytest.raises(StoredEventError, match=name):
            decode_event(name, data)
