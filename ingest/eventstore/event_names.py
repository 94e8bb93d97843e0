"""The dictionary of event names: a small number in the row, name and schema version in a table."""

from __future__ import annotations

from typing import Final, NamedTuple

from schemas.events import SCHEMA_OF
from schemas.registry import registry

from .batch import StoreError
from .sessions import Session

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
        self._by_state: dict[tuple[str, bytes], int] = {}

    def id_of_state(self, name: str, state: bytes) -> int:
        """Number for an event `name` whose state is single-object Avro.

        Raises StoreError when the fingerprint is not that of a schema of this event.
        """
        key = (name, state[:10])
        number = self._by_state.get(key)
        if number is None:
            schema = registry().by_fingerprint.get(state[2:10])
            if state[:2] != b"\xc3\x01" or schema is None or SCHEMA_OF.get(name) != schema.name:
                raise StoreError(f"the state of a {name} is not written with a schema of it")
            number = self.id_of(EventName(name, schema.version))
            self._by_state[key] = number
        return number

    def id_of(self, name: EventName) -> int:
        """Number of the name, added when it is new."""
        if name not in self._ids:
            self._reload()
        if name not in self._ids:
            with self._session.lock:
                self._session.connection.execute(_ADD, (*name, *name))
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
