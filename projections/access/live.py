"""The projection `access`: who may read a person's documents, until when, and who did (SPEC h).

Its rows are authorisations with their end, blocks, the attending physician, oppositions to
break-glass and to the regulation centre, and the traces of accesses. Permissions of linked records
are joined at reading: an undone link gives each record back its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import psycopg

from ingest.eventstore import RecordedEvent
from projections.persons import LINK_EVENTS
from projections.projection import Comparison, EventLog

from .fold import TAKES, permissions, traces
from .tables import AccessTables

Cursor = psycopg.Cursor[Any]


class Access:
    """The projection `access`; see the module."""

    name: Final = "access"
    version: Final = 1
    takes: Final = TAKES
    rebuildable: Final = True

    def tables(self, build: int) -> Sequence[str]:
        """See `Projection`."""
        return AccessTables(build).tables()

    def indexes(self, build: int) -> Sequence[str]:
        """See `Projection`."""
        return AccessTables(build).indexes()

    def table_names(self, build: int) -> Sequence[str]:
        """See `Projection`."""
        return AccessTables(build).names

    def compare(self, cursor: Cursor, old: int, new: int) -> Comparison:
        """Per record, by a hash of all its rows."""
        return compare_builds(cursor, AccessTables(old), AccessTables(new))

    def forget(
        self, cursor: Cursor, build: int, log: EventLog, records: Iterable[int], upto: int
    ) -> None:
        """See `Projection`."""
        AccessTables(build).forget(cursor, sorted(records))

    def apply(
        self, cursor: Cursor, build: int, log: EventLog, events: Sequence[RecordedEvent]
    ) -> None:
        """See `Projection`."""
        tables = AccessTables(build)
        erased = {event.record for event in events if event.erased}
        if erased:
            tables.forget(cursor, sorted(erased))
        legible = [event for event in events if event.record not in erased]
        links = [event for event in events if event.name in LINK_EVENTS and not event.erased]
        if links:
            tables.persons.apply(cursor, links)
        tables.join(cursor, permissions(legible).values())
        tables.add(cursor, traces(legible))


def compare_builds(cursor: Cursor, old: AccessTables, new: AccessTables) -> Comparison:
    """Compares two builds at the same position. A record of another person differs too."""

    def hashes(tables: AccessTables) -> str:
        person = tables.persons.names[1]
        parts = " union all ".join(
            f"select record, '{kind}' || row(t.*)::text as content from {table} t"
            for kind, table in (
                ("permission", tables.permission),
                ("trace", tables.trace),
                ("person", person),
            )
        )
        return (
            "select record, md5(string_agg(content, '' order by content)) as hash"
            f" from ({parts}) s group by record"
        )

    cursor.execute("set local work_mem = '256MB'")
    row = cursor.execute(
        f"with old as ({hashes(old)}), new as ({hashes(new)}), both_builds as (select record,"
        " old.hash is distinct from new.hash as differs from old full join new using (record))"
        " select count(*), count(*) filter (where differs), array(select record from both_builds"
        " where differs order by record limit 20) from both_builds".encode()
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return Comparison(row[0], row[1], [f"record {record}" for record in row[2]])
