"""What a decision may need to know, by kind, and the signal that it was not read."""

from collections.abc import Iterable
from typing import Final, NamedTuple

Key = bytes | str | int

IDENTITY: Final = "identity"
"""The record of an INS. Key: `oid|matricule`."""
DOCUMENT: Final = "document"
"""The head of a document. Key: its stream."""
RECORD: Final = "record"
"""The head of a record. Key: its number."""
APPLIED: Final = "applied"
"""Whether a message was applied. Key: its identifier."""
FIRST_EVENT: Final = "first_event"
"""The deposit of a document. Key: its stream."""
WAITING: Final = "waiting"
"""Replacements and dead letters that wait for a document. Key: its stream."""
SUCCESSORS: Final = "successors"
"""All later versions of a document, with their heads and deposits. Key: its stream."""
PERSON: Final = "person"
"""The links of a person's records, with their heads. Key: the number of one of them."""
DECLARED: Final = "declared"
"""The identity last declared on a record. Key: its number."""
ACCESS: Final = "access"
"""The events on who has access to a record. Key: its number."""
ENTRY: Final = "entry"
"""An entry of the registry. Key: its stream."""
REFERRING: Final = "referring"
"""Documents of imaging that name a study or accession. Key: that reference."""
VERSIONS: Final = "versions"
"""Documents of a record that replace another. Key: the number of the record."""

KINDS: Final = (
    IDENTITY,
    DOCUMENT,
    RECORD,
    APPLIED,
    FIRST_EVENT,
    WAITING,
    SUCCESSORS,
    PERSON,
    DECLARED,
    ACCESS,
    ENTRY,
    REFERRING,
    VERSIONS,
)


class Need(NamedTuple):
    """One thing that a decision needs to know. `kind`: one of `KINDS`."""

    kind: str
    key: Key


THEN: Final = Need("then", 0)
"""Among the needs of a message: what follows rests on what was named so far. Who reads goes on from
here once that is read; without it the declaration begins anew, which is right and slower.
"""
Needs = Iterable[Need]


class NotRead(Exception):
    """A view was asked for what nobody read. It says nothing about whether there is one."""

    def __init__(self, kind: str, key: Key) -> None:
        super().__init__(f"{kind} was not read")
        self.need: Final = Need(kind, key)
