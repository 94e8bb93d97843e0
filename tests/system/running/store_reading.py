"""Opens the store as an auditor with the master key would: psycopg and cryptography, no more.

The layout read here is decision 0010, decision 0012: `format | key version | nonce 12 |
ciphertext + tag`, AES-256-GCM, associated data = stream, version, event name.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, Final

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.system.judge.evidence import Counted, Evidence, Letter, Place, Stored
from tests.system.running.avro_folder import AvroFolder

_EVENTS: Final = """
select e.position, e.record, e.stream, e.version, n.name, e.message_id, e.state
from event e join event_name n on n.id = e.name
where e.record <> 0 or e.message_id is not null order by e.position"""
_AFTER_ERASURE: Final = """
select e.position from event e join record_key k using (record)
where e.recorded_at > k.erased_at order by 1"""
_SOURCES: Final = """
select source, first_offset, next_offset, accepted, duplicate, unchanged, rejected, events, holes
from source_position"""
_LETTERS: Final = """
select id, source, source_offset, code, status, attempt, message_id from dead_letter order by id"""


@dataclass(frozen=True, slots=True, repr=False)
class Opener:
    """The keys of one store in clear. Test stores only."""

    identity_key: bytes
    records: Mapping[int, bytes | None]

    @classmethod
    def of(cls, conn: psycopg.Connection[Any], master_key: Path) -> Opener:
        """Unwraps everything with the master key."""
        master = AESGCM(master_key.read_bytes())
        (wrapped,) = conn.execute(
            "select wrapped from store_secret where name = 'token'"
        ).fetchone() or (b"",)
        token = master.decrypt(wrapped[1:13], wrapped[13:], b"store-secret token")
        identity = HKDF(SHA256(), 32, salt=None, info=b"histoire identity").derive(token)
        records: dict[int, bytes | None] = {}
        for record, blob in conn.execute("select record, wrapped from record_key"):
            context = struct.pack("!10sq", b"record-key", record)
            records[record] = blob and master.decrypt(blob[1:13], blob[13:], context)
        return cls(identity, records)

    def open(self, row: tuple[Any, ...]) -> bytes | None:
        """The plain bytes of an event row; None when its record was erased. Those of the registry,
        which has no record, are not sealed.
        """
        _, record, stream, version, name, _, sealed = row
        if record == 0:
            return bytes(sealed)
        key = self.records[record]
        if key is None:
            return None
        place = struct.pack("!16si", stream.bytes, version) + name.encode()
        return AESGCM(key).decrypt(sealed[2:14], sealed[14:], place)

    def token(self, key: bytes) -> bytes:
        """What stands for `oid|matricule` in the table of identities."""
        return blake2b(key, digest_size=16, key=self.identity_key).digest()


def read_store(dsn: str, master_key: Path, avro: AvroFolder, evidence: Evidence) -> None:
    """Fills in what the store says. `evidence.fed` is there already: it names the persons."""
    with psycopg.connect(dsn) as conn:
        opener = Opener.of(conn, master_key)
        evidence.stored = [
            _stored(row, opener.open(row), avro) for row in conn.execute(_EVENTS).fetchall()
        ]
        evidence.after_erasure = [position for (position,) in conn.execute(_AFTER_ERASURE)]
        for source, *numbers in conn.execute(_SOURCES):
            evidence.counted[_partition(source)] = Counted(*numbers)
        evidence.letters = [
            Letter(
                *(number, Place(*_partition(source), offset), code, status, attempt),
                None if message is None else str(message),
            )
            for number, source, offset, code, status, attempt, message in conn.execute(_LETTERS)
        ]
        rows = conn.execute("select message_id, position from applied_message").fetchall()
        evidence.applied = {str(message): position for message, position in rows}
        record_of = {
            token.bytes: n for token, n in conn.execute("select ins, record from identity")
        }
    for key in {fed.key for fed in evidence.fed}:
        number = record_of.get(opener.token(key))
        if number is not None:
            evidence.records[key.decode()] = number


def _stored(row: tuple[Any, ...], plain: bytes | None, avro: AvroFolder) -> Stored:
    position, record, stream, version, name, message, _ = row
    message_id = None if message is None else str(message)
    if plain is None:
        return Stored(position, record, str(stream), version, name, message_id, None, None)
    read = avro.read(plain)
    datum = None if read is None else read[1]
    digest = sha256(plain).hexdigest()
    return Stored(position, record, str(stream), version, name, message_id, datum, digest)


def _partition(source: str) -> tuple[str, int]:
    _, topic, number = source.rsplit("/", 2)
    return topic, int(number)
