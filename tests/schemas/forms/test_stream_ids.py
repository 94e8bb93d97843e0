"""Names of streams: uuid5 of constants that never change, or stored streams could not be found."""

from __future__ import annotations

import uuid

import pytest

from schemas.forms.stream_ids import document_stream, record_stream, registry_stream

RECORDS = uuid.UUID("6f0a4b0e-2d3c-5b77-9d1e-7a54c1d0e8f2")
REGISTRY = uuid.UUID("0c1f6a52-95d4-5a0e-8f0b-3b8a1c5d7e64")


@pytest.mark.parametrize("record", [0, 1, 17, 2**62])
def test_the_stream_of_a_record_is_the_uuid5_of_its_number(record: int) -> None:
    assert record_stream(record) == uuid.uuid5(RECORDS, str(record)).bytes


@pytest.mark.parametrize("name", ["SOFTWARE", "COMPANY|1.2.250.1.71.4.2.2^1é", ""])
def test_a_stream_of_the_registry_is_the_uuid5_of_its_name(name: str) -> None:
    assert registry_stream(name) == uuid.uuid5(REGISTRY, name).bytes


def test_the_stream_of_a_document_is_the_uuid5_of_its_canonical_identifier() -> None:
    stream = uuid.uuid5(uuid.NAMESPACE_OID, "1.2.3").bytes
    assert document_stream("1.2.3") == document_stream("urn:oid:1.2.3") == stream


def test_stored_names_stay() -> None:
    """As they were written into the first stores."""
    assert document_stream("1.2.3").hex() == "42d5e23b3a02513585c652d1102f1f00"
    assert record_stream(1).hex() == "b3164d0467ec593f9afa37e7a61f450b"
    assert registry_stream("SOFTWARE").hex() == "74ab1ad843d6508cbb40f951820d2dd1"
