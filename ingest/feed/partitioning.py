"""Which partition a key belongs to: murmur2, exactly as Java and kafka-python have it."""

from __future__ import annotations

from functools import lru_cache
from struct import Struct

_SEED = 0x9747B28C
_M = 0x5BD1E995
_32 = 0xFFFFFFFF
_CACHED_KEYS = 65_536
"""About 10 MB. Patients come again and again (Zipf), within a batch above all."""


def partition_of(key: bytes, partitions: int) -> int:
    """The partition, 0 to `partitions` - 1, of a key that is not empty.

    Equal to Java's `toPositive(murmur2(key)) % partitions`. librdkafka's default is another one:
    its clients must set `partitioner=murmur2_random`, else a patient's order breaks (decision
    0002).
    """
    return _positive_hash(key) % partitions


@lru_cache(maxsize=_CACHED_KEYS)
def _positive_hash(key: bytes) -> int:
    return murmur2(key) & 0x7FFFFFFF


def murmur2(key: bytes) -> int:
    """MurmurHash2 of Apache Kafka, as an unsigned 32-bit integer; not cached."""
    length = len(key)
    whole = length >> 2
    h = _SEED ^ length
    for k in _words(whole).unpack_from(key):
        k = (k * _M) & _32
        h = ((h * _M) & _32) ^ (((k ^ (k >> 24)) * _M) & _32)
    rest = length & 3
    if rest:
        h = ((h ^ int.from_bytes(key[whole << 2 :], "little")) * _M) & _32
    h = ((h ^ (h >> 13)) * _M) & _32
    return h ^ (h >> 15)


@lru_cache(maxsize=1024)
def _words(count: int) -> Struct:
    return Struct(f"<{count}I")
