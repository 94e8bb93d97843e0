"""A batch made ready before its transaction: checked, sealed, in columns (decision 0014).

All that costs time and does not need the lock is done here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from struct import Struct
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ingest.eventstore.append_batch import AppendBatch, HeadChange, LostRace, NewEvent, StoreError
from ingest.eventstore.keys.key_ring import KeyRing, Keys
from ingest.eventstore.keys.master_key import NONCE_BYTES, Entropy
from ingest.eventstore.keys.sealing import PREFIX
from ingest.runtime.postgres.arrays import Int2Array, Int4Array, Int8Array, UuidArray

from .dead_letters import SealedDeadLetters, seal_dead_letters
from .event_names import EventNames
from .reading import UNSEALED_RECORD

NO_UUID: Final = bytes(16)
"""Stands for NULL in a uuid[], whose elements are never null."""

_PLACE: Final = Struct("!16si").pack
_END: Final = Struct("!iqi16siiihi16si").pack
_END_OF_NO_MESSAGE: Final = Struct("!iqi16siiihii").pack


class BatchContradictsItself(StoreError):
    """The batch contradicts itself: a fault of ours, trying again would not help."""


@dataclass(frozen=True, slots=True)
class HeadColumns:
    """Columns of several `HeadChange`s. Authors are flat: those of row i lie at low[i] .. high[i],
    counted from 1.
    """

    count: int
    streams: UuidArray
    records: Int8Array
    bases: Int4Array
    versions: Int4Array
    statuses: Int2Array
    flags: Int2Array
    replaced_by: UuidArray
    authors: Int8Array
    low: Int4Array
    high: Int4Array
    first_events: Int8Array


@dataclass(frozen=True, slots=True)
class EncodedBatch:
    """What is written, ready but for positions and time."""

    events: list[bytes]
    """See `seal_events`."""
    new_heads: HeadColumns
    moved_heads: HeadColumns
    letters: SealedDeadLetters
    erasures: int
    """`KeyRing.erasures` when the keys were read."""


def encode_batch(
    batch: AppendBatch, ring: KeyRing, names: EventNames, letter_key: bytes, *, entropy: Entropy
) -> EncodedBatch:
    """The batch sealed and in columns. Raises KeyMissing; LostRace when a record was erased since
    it was read.
    """
    records = {event.record for event in batch.events}
    records.update(letter.record for letter in batch.dead_letters if letter.record is not None)
    keys, erasures = ring.load_counted(records - {UNSEALED_RECORD})
    return EncodedBatch(
        events=seal_events(batch.events, keys, names, entropy),
        new_heads=head_columns([change for change in batch.heads if change.base == 0]),
        moved_heads=head_columns([change for change in batch.heads if change.base > 0]),
        letters=seal_dead_letters(batch.dead_letters, keys, letter_key, entropy),
        erasures=erasures,
    )


def check_batch(batch: AppendBatch) -> None:
    """Returns when each stream's events continue its base without a gap up to its version.

    `event` has no unique index on the stream: this check and the compare-and-set keep two events
    from having one version. Raises BatchContradictsItself.
    """
    records = {change.stream: change.head.record for change in batch.heads}
    versions = {change.stream: change.base for change in batch.heads}
    if len(versions) != len(batch.heads):
        raise BatchContradictsItself("a stream has two heads in one batch")
    for event in batch.events:
        stream = event.stream
        if event.version != versions.get(stream, -2) + 1:
            raise BatchContradictsItself("the events of a stream do not continue its head")
        if event.record != records[stream]:
            raise BatchContradictsItself("an event and its head name different records")
        versions[stream] = event.version
    for change in batch.heads:
        version = change.head.version
        if versions[change.stream] != version or version == change.base:
            raise BatchContradictsItself("a head has another version than its last event")
        if change.base == 0 and not _is_first(batch.events, change):
            raise BatchContradictsItself("first_event is not the stream's first event")
    _check_messages(batch)


def _is_first(events: Sequence[NewEvent], change: HeadChange) -> bool:
    if not 0 <= change.first_event < len(events):
        return False
    event = events[change.first_event]
    return event.stream == change.stream and event.version == 1


def _check_messages(batch: AppendBatch) -> None:
    if len({message.message_id for message in batch.applied}) != len(batch.applied):
        raise BatchContradictsItself("a message is applied twice in one batch")
    if any(link.target not in batch.watched for link in batch.seen_links):
        raise BatchContradictsItself("a pending link was seen whose target is not watched")
    if len({advance.source for advance in batch.advances}) != len(batch.advances):
        raise BatchContradictsItself("a source advances twice in one batch")
    for advance in batch.advances:
        fetched = advance.accepted + advance.duplicate + advance.unchanged + advance.rejected
        if advance.next_offset - advance.from_offset != fetched + advance.holes:
            raise BatchContradictsItself("a line of the balance sheet does not add up")


def seal_events(
    events: Sequence[NewEvent],
    keys: Keys,
    names: EventNames,
    entropy: Entropy,
) -> list[bytes]:
    """The events sealed under the keys of their records, in the same order; those of the registry
    are about no person and stay plain.

    Each is the end of a row for a binary COPY, from the column `record` on. The columns before it,
    position and time, are known under the lock only. Raises LostRace for an event of an erased
    record.
    """
    nonces = entropy(NONCE_BYTES * len(events))
    ends = []
    for event, at in zip(events, range(0, len(nonces), NONCE_BYTES), strict=True):
        stream, version, encoded = event.stream, event.version, event.encoded
        number, name = names.of_state(event.name, encoded[:10])
        if event.record == UNSEALED_RECORD:
            ends.append(row_end(0, stream, version, number, event.message_id, encoded))
            continue
        key = keys[event.record]
        if key is None:
            raise LostRace("a record was erased since it was read")
        nonce = nonces[at : at + NONCE_BYTES]
        sealed = (
            PREFIX + nonce + AESGCM(key).encrypt(nonce, encoded, _PLACE(stream, version) + name)
        )
        ends.append(row_end(event.record, stream, version, number, event.message_id, sealed))
    return ends


def row_end(
    record: int, stream: bytes, version: int, name: int, message_id: bytes | None, state: bytes
) -> bytes:
    """The columns of `event` from `record` on, for a binary COPY."""
    size = len(state)
    if message_id is None:
        end = _END_OF_NO_MESSAGE(8, record, 16, stream, 4, version, 2, name, -1, size)
    else:
        end = _END(8, record, 16, stream, 4, version, 2, name, 16, message_id, size)
    return end + state


def head_columns(changes: Sequence[HeadChange]) -> HeadColumns:
    """The heads as columns."""
    heads = [change.head for change in changes]
    ends = list(accumulate((len(head.authors) for head in heads), initial=0))
    return HeadColumns(
        count=len(heads),
        streams=UuidArray.of(change.stream for change in changes),
        records=Int8Array.of([head.record for head in heads]),
        bases=Int4Array.of([change.base for change in changes]),
        versions=Int4Array.of([head.version for head in heads]),
        statuses=Int2Array.of([head.status for head in heads]),
        flags=Int2Array.of([head.flags for head in heads]),
        replaced_by=UuidArray.of(head.replaced_by or NO_UUID for head in heads),
        authors=Int8Array.of([author for head in heads for author in head.authors]),
        low=Int4Array.of([low + 1 for low, _ in pairwise(ends)]),
        high=Int4Array.of([high for _, high in pairwise(ends)]),
        first_events=Int8Array.of([change.first_event for change in changes]),
    )
