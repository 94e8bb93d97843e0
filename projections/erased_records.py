"""Erased records leave the projections too: rows, contributions to figures, notifications."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ingest.runtime.postgres.arrays import Int8Array
from ingest.runtime.postgres.database import connect, transaction
from projections.projection import EventLog, Projection

from .builds import all_builds, hold_live


def remove_erased_records(
    dsn: str, log: EventLog, projections: Sequence[Projection], records: Iterable[int]
) -> None:
    """Nothing is left of these records in any build, nor will be in a build made later.

    Call after `EventStore.erase`. A second call changes nothing. Raises psycopg errors.
    """
    given = sorted(set(records))
    with connect(dsn, application_name="histoire-forget") as conn:
        for projection in projections:
            with transaction(conn), conn.cursor(binary=True) as cursor:
                hold_live(cursor, projection.name, exclusive=True)
                cursor.execute(
                    "insert into projection.forgotten (record) select unnest(%b::bigint[])"
                    " on conflict do nothing",
                    (Int8Array.of(given),),
                )
                for build in all_builds(cursor, projection.name):
                    if build.complete and build.version == projection.version:
                        projection.forget(cursor, build.number, log, given, build.position)
