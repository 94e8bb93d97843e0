"""The statements of one publishing transaction of the embedded log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from struct import Struct

from ingest.feed.types import OutgoingRecord
from ingest.runtime.postgres.arrays import Int4Array, Int8Array

from .headers import pack_headers
from .log import Session

_COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"
_ROW = Struct("!hiiiiiqiqiii").pack
_LENGTH = Struct("!i").pack
_COLUMNS = 8

Place = tuple[int, int]
"""Topic number and partition number."""
Places = dict[Place, int]


class TopicsChanged(Exception):
    """A topic was dropped or created again since it was looked up."""


def take_offsets(conn: Session, counts: Counter[Place]) -> Places:
    """The first offset of each partition's share; its counter stays locked until the commit.

    Raises TopicsChanged when a partition is not there.
    """
    wanted = sorted(counts)  # everybody locks in this order: no deadlock
    topics = Int4Array.of([topic for topic, _ in wanted])
    numbers = Int4Array.of([number for _, number in wanted])
    rows = conn.execute(
        "select p.topic, p.number, p.next_offset from feed.partition p"
        " where (p.topic, p.number) in (select * from unnest(%b::int[], %b::int[]))"
        " order by p.topic, p.number for update",
        (topics, numbers),
        prepare=True,
    ).fetchall()
    if len(rows) != len(wanted):
        raise TopicsChanged
    places = {(topic, number): offset for topic, number, offset in rows}
    ends = Int8Array.of([places[key] + counts[key] for key in wanted])
    conn.execute(
        "update feed.partition p set next_offset = w.next_offset"
        " from unnest(%b::int[], %b::int[], %b::bigint[]) as w(topic, number, next_offset)"
        " where p.topic = w.topic and p.number = w.number",
        (topics, numbers, ends),
        prepare=True,
    )
    return places


def spread(keys: Sequence[Place], places: Places) -> list[int]:
    """The offset of each record, from the first ones of their partitions; `places` moves on."""
    offsets = []
    for key in keys:
        offset = places[key]
        places[key] = offset + 1
        offsets.append(offset)
    return offsets


def copy_records(
    conn: Session,
    records: Sequence[OutgoingRecord],
    keys: Sequence[Place],
    offsets: Sequence[int],
    stamps: Sequence[int],
) -> None:
    """The records are in the log, once this transaction commits."""
    parts = [_COPY_HEAD]
    for record, (topic, number), offset, stamp in zip(records, keys, offsets, stamps, strict=True):
        key, value, headers = record.key, record.value, pack_headers(record.headers)
        size = len(key) + len(value) + len(headers)
        head = _ROW(_COLUMNS, 4, topic, 4, number, 8, offset, 8, stamp, 4, size, len(key))
        parts += (head, key, _LENGTH(len(value)), value, _LENGTH(len(headers)), headers)
    parts.append(_COPY_END)
    with conn.cursor().copy("copy feed.record from stdin (format binary)") as copy:
        copy.write(b"".join(parts))


def notify(conn: Session, channels: set[str]) -> None:
    """Pollers that wait on these channels wake up after the commit."""
    for channel in channels:
        conn.execute("select pg_notify(%s, '')", (channel,), prepare=True)
