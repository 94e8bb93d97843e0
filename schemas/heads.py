"""The head of a stream: what a record, document or entry is after its last event."""

from typing import NamedTuple


class Head(NamedTuple):
    """A stream after its last event; version 0: it has no event.

    Of a document: `status` is a `DocumentStatus`, `flags` are `DocumentFlags`, `authors` are keyed
    hashes of every author and organisation, `replaced_by` is the stream of its successor. Of a
    record: `flags` are `RecordFlags`. Of an entry of the registry: `status` is its kind. All are
    plain numbers: arithmetic on enum members costs a microsecond each time, and this is on every
    message's way.
    """

    record: int
    version: int
    status: int
    flags: int
    authors: tuple[int, ...]
    replaced_by: bytes | None
