"""A key's partition and a record's headers: the bytes other programs agree on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as murmur2_of_kafka_python

from ingest.feed.embedded.headers import pack_headers, unpack_headers
from ingest.feed.partitioning import murmur2, partition_of

# Apache Kafka, UtilsTest.testMurmur2 (signed there).
JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "signed"), JAVA.items())
def test_hash_is_that_of_java(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed & 0xFFFFFFFF
    assert partition_of(key, 24) == (signed & 0x7FFFFFFF) % 24


@given(st.binary(min_size=1, max_size=300), st.integers(1, 1000))
def test_hash_is_that_of_kafka_python(key: bytes, partitions: int) -> None:
    assert murmur2(key) == murmur2_of_kafka_python(key)
    assert partition_of(key, partitions) == (murmur2(key) & 0x7FFFFFFF) % partitions


@given(st.lists(st.tuples(st.text(max_size=30), st.none() | st.binary(max_size=50)), max_size=20))
def test_headers_come_back_as_they_were(headers: list[tuple[str, bytes | None]]) -> None:
    assert unpack_headers(pack_headers(tuple(headers))) == tuple(headers)
