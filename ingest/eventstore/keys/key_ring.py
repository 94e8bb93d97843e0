"""The data keys of the records: made, cached, destroyed (decision 0012).

A key is committed before the first thing sealed under it. Destroying the key (`erase`) makes a
record unreadable for ever; its row stays and tells that the key was destroyed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Final

from ingest.eventstore.append_batch import KeyMissing
from ingest.eventstore.sessions import Session
from ingest.runtime.postgres.arrays import ByteaArray, Int8Array

from .master_key import KEY_BYTES, Entropy, MasterKey, Wrapping

CAPACITY: Final = 500_000
"""Raw keys kept in memory (93 bytes each). A miss costs about 3 us in a batch."""

_CONTEXT: Final = Struct("!10sq").pack
_READ: Final = b"""
SELECT k.record, k.wrapped FROM unnest(%b::bigint[]) u(record) JOIN record_key k USING (record)"""
_ERASURES: Final = b"SELECT erasures FROM erasure_count"
_CREATE: Final = b"""
INSERT INTO record_key (record, wrapped) SELECT * FROM unnest(%b::bigint[], %b::bytea[])"""

Keys = dict[int, bytes | None]
"""Record to its raw key; None: erased."""


class KeyRing:
    """Keys of records by number. One thread at a time."""

    def __init__(
        self,
        session: Session,
        master: MasterKey,
        *,
        capacity: int = CAPACITY,
        entropy: Entropy = os.urandom,
    ) -> None:
        self._session: Final = session
        self._master: Final = master
        self._capacity: Final = capacity
        self._entropy: Final = entropy
        self._cache: Keys = {}
        self._erasures = -1

    def load(self, records: Iterable[int]) -> Keys:
        """The key of each record, as of now: a key erased by any process before is None here.

        Raises KeyMissing when a record has no row: halt, its keys must be restored.
        """
        wanted = set(records)
        return self.load_counted(wanted)[0] if wanted else {}

    def load_counted(self, records: Iterable[int]) -> tuple[Keys, int]:
        """As `load`, and the number of erasures of that moment: while `erasures` gives the same
        number, none of these keys was destroyed.
        """
        wanted = set(records)
        with self._session.lock:
            erasures = self._forget_if_erased()
            cache = self._cache
            missing = sorted(wanted.difference(cache))
            fresh = self._read(missing) if missing else {}
            found = {record: cache[record] for record in wanted if record in cache} | fresh
            self._remember(fresh)
        if len(found) < len(wanted):
            raise KeyMissing(
                f"{len(wanted) - len(found)} record(s) have no row in record_key: "
                "restore the database of the keys, nothing was skipped"
            )
        return found, erasures

    def erasures(self) -> int:
        """How many keys were ever destroyed, by any process."""
        return int(self._session.rows(_ERASURES)[0][0])

    def create(self, records: Sequence[int]) -> None:
        """New random keys for records that never had one, committed."""
        random = self._entropy(KEY_BYTES * len(records))
        keys = [random[at : at + KEY_BYTES] for at in range(0, len(random), KEY_BYTES)]
        wrapped = self._master.wrap(
            [Wrapping(key_context(record), key) for record, key in zip(records, keys, strict=True)]
        )
        with self._session.lock:
            self._session.connection.execute(
                _CREATE, (Int8Array.of(records), ByteaArray(wrapped)), prepare=True
            )
            self._remember(dict(zip(records, keys, strict=True)))

    def erase(self, record: int) -> bool:
        """The key is destroyed and every process drops its caches; False when it was before.

        Raises KeyMissing when the record never had a key.
        """
        with self._session.lock:
            with self._session.writing() as cursor:
                done = cursor.execute(
                    "update record_key set wrapped = null, erased_at = clock_timestamp()"
                    " where record = %s and wrapped is not null",
                    (record,),
                ).rowcount
                if done:
                    cursor.execute("update erasure_count set erasures = erasures + 1")
            self._cache.pop(record, None)
        if not done:
            self.load([record])
        return bool(done)

    def _forget_if_erased(self) -> int:
        erasures = self.erasures()
        if erasures != self._erasures:
            self._cache.clear()
            self._erasures = erasures
        return erasures

    def _read(self, records: Sequence[int]) -> Keys:
        rows = self._session.rows(_READ, (Int8Array.of(records),))
        kept = [(record, wrapped) for record, wrapped in rows if wrapped is not None]
        keys = self._master.unwrap([Wrapping(key_context(r), w) for r, w in kept])
        found: Keys = {record: None for record, wrapped in rows if wrapped is None}
        found.update((record, key) for (record, _), key in zip(kept, keys, strict=True))
        return found

    def _remember(self, keys: Keys) -> None:
        cache = self._cache
        spare = len(cache) + len(keys) - self._capacity
        if spare > 0:
            # The oldest go, a tenth at a time: one list for many batches.
            for record in list(cache)[: max(spare, self._capacity // 10)]:
                del cache[record]
        cache.update(keys)


def key_context(record: int) -> bytes:
    """What a wrapped data key belongs to: associated data of its wrapping.

    This is the number of the record and not an INS (decision 0012): a person changes his INS,
    several INS lead to him in time, and none is stored in clear. Under another record's number the
    key does not open.
    """
    return _CONTEXT(b"record-key", record)
