"""The dictionary of event names: a small number in the row, name and schema version in a table."""

from __future__ import annotations

from typing import Final, NamedTuple

from ingest.eventstore.append_batch import StoreError
from ingest.eventstore.sessions import Session
from schemas.events import SCHEMA_OF
from schemas.versions.catalogue import schema_catalogue

MARKER: Final = b"\xc3\x01"
"""Begin of Avro's single-object encoding; 8 bytes of fingerprint follow."""
LIBRARY_VERSION: Final = 0
"""Schema version of a name that is a topic of the eventsourcing library."""

_ADD: Final = b"""
INSERT INTO event_name (name, schema_version)
SELECT %b::text, %b::smallint
WHERE NOT EXISTS (SELECT 1 FROM event_name WHERE name = %b::text AND schema_version = %b::smallint)
ON CONFLICT DO NOTHING"""


class EventName(NamedTuple):
    """A stable name and the version of the schema its state was written with."""

    name: str
    schema_version: int


class EventNames:
    """Numbers of names and back; new names are added, committed, before they are used."""

    def __init__(self, session: Session) -> None:
        self._session: Final = session
        self._by_id: dict[int, EventName] = {}
        self._ids: dict[EventName, int] = {}
        self._by_state: dict[tuple[str, bytes], tuple[int, bytes]] = {}

    def of_state(self, name: str, header: bytes) -> tuple[int, bytes]:
        """Number, and the name as bytes, of an event whose Avro state begins with `header` (10).

        Raises StoreError when the fingerprint in it is not that of a schema of this event.
        """
        known = self._by_state.get((name, header))
        if known is None:
            schema = schema_catalogue().by_fingerprint.get(header[2:])
            if header[:2] != MARKER or schema is None or SCHEMA_OF.get(name) != schema.name:
                raise StoreError(f"the state of a {name} is not written with a schema of it")
            known = self.id_of(EventName(name, schema.version)), name.encode()
            self._by_state[name, header] = known
        return known

    def id_of(self, name: EventName) -> int:
        """Number of the name, added when it is new."""
        if name not in self._ids:
            self._reload()
        if name not in self._ids:
            with self._session.writing() as cursor:
                cursor.execute(_ADD, (*name, *name))
            self._reload()
        return self._ids[name]

    def of_id(self, number: int) -> EventName:
        """The name of a number found in a row. Raises StoreError when the dictionary lacks it."""
        name = self._by_id.get(number)
        if name is None:
            self._reload()
            name = self._by_id.get(number)
        if name is None:
            raise StoreError(f"event name number {number} is not in the dictionary")
        return name

    def ids_named(self, *names: str) -> list[int]:
        """Numbers of all versions of these names, known now."""
        self._reload()
        return [number for name, number in self._ids.items() if name.name in names]

    def _reload(self) -> None:
        rows = self._session.rows(b"SELECT id, name, schema_version FROM event_name")
        self._by_id = {number: EventName(name, version) for number, name, version in rows}
        self._ids = {name: number for number, name in self._by_id.items()}
