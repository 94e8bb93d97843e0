"""Who is which record: a keyed hash of `oid|matricule` to a number, for ever (decision 0007).

A number is reserved here; the record exists when its stream has a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ingest.eventstore.append_batch import RecordRef
from ingest.eventstore.sessions import Session
from ingest.runtime.crash_points import crash_point
from ingest.runtime.postgres.arrays import Int8Array, UuidArray

from .key_ring import KeyRing

CAPACITY: Final = 500_000
"""Pairs kept in memory. A record never changes, hence what is cached is right for ever."""

_READ: Final = b"""
SELECT uuid_send(i.ins), i.record FROM unnest(%b::uuid[]) u(ins) JOIN identity i USING (ins)"""
_RESERVE: Final = b"SELECT nextval('record_seq') FROM generate_series(1, %b::int)"
_CREATE: Final = b"""
INSERT INTO identity (ins, record) SELECT * FROM unnest(%b::uuid[], %b::bigint[])
ON CONFLICT (ins) DO NOTHING"""


class Identities:
    """Keyed hashes of INS to records. One thread at a time."""

    def __init__(self, session: Session, ring: KeyRing, *, capacity: int = CAPACITY) -> None:
        self._session: Final = session
        self._ring: Final = ring
        self._capacity: Final = capacity
        self._cache: dict[bytes, int] = {}

    def lookup(self, ins_hashes: Iterable[bytes]) -> dict[bytes, RecordRef]:
        """The records of those ins_hashes that have one; the others are not in the answer.

        Raises KeyMissing when a record has no row in `record_key`.
        """
        records = self._find(set(ins_hashes))
        keys = self._ring.load(records.values())
        return {ins_hash: RecordRef(r, keys[r] is None) for ins_hash, r in records.items()}

    def resolve(self, ins_hashes: Iterable[bytes]) -> dict[bytes, RecordRef]:
        """A record for every ins_hash: missing ones get a number and a key, committed.

        Two processes that do it at once get the same numbers. Keys are committed first, so that no
        record is ever without one; both sorted, or two writers would lock each other out.
        """
        wanted = set(ins_hashes)
        records = self._find(wanted)
        new = sorted(wanted.difference(records))
        if new:
            self._create(new)
            # Also those that another process was quicker to create.
            records |= self._find(set(new))
        keys = self._ring.load(records.values())
        return {ins_hash: RecordRef(r, keys[r] is None) for ins_hash, r in records.items()}

    def _create(self, ins_hashes: Sequence[bytes]) -> None:
        numbers = [number for (number,) in self._session.rows(_RESERVE, (len(ins_hashes),))]
        self._ring.create(numbers)
        crash_point("keys_committed")
        with self._session.writing() as cursor:
            cursor.execute(_CREATE, (UuidArray.of(ins_hashes), Int8Array.of(numbers)), prepare=True)
        crash_point("identities_committed")

    def _find(self, ins_hashes: set[bytes]) -> dict[bytes, int]:
        cache = self._cache
        found = {ins_hash: cache[ins_hash] for ins_hash in ins_hashes if ins_hash in cache}
        missing = sorted(ins_hashes.difference(found))
        if missing:
            fresh = dict(self._session.rows(_READ, (UuidArray.of(missing),)))
            if len(cache) + len(fresh) > self._capacity:
                for ins_hash in list(cache)[: max(len(fresh), self._capacity // 10)]:
                    del cache[ins_hash]
            cache.update(fresh)
            found.update(fresh)
        return found
