"""The builds of each projection: which one serves, and the checkpoint of each.

A *build* is one numbered set of tables of a projection; the names of the tables carry the number.
One build is live. A replay makes the next one beside it; the switch is one statement on one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

import psycopg

from ingest.runtime.postgres.database import connect, transaction
from projections.projection import Projection

Connection = psycopg.Connection[tuple[Any, ...]]
Cursor = psycopg.Cursor[Any]

MIGRATION_LOCK: Final = (7202, 0)
OWNER_LOCKS: Final = 7203
"""Class of the advisory locks of running projections, by name."""
REPLAY_LOCKS: Final = 7204
"""Class of the advisory locks of replays, by name of the projection."""


class NotMigrated(Exception):
    """The projection has no tables. Repair: `histoire migrate`."""

    def __init__(self, projection: str) -> None:
        super().__init__(f"projection {projection} has no tables: run `histoire migrate`")


@dataclass(frozen=True, slots=True)
class Build:
    """One build of a projection.

    `version`: of the code that made it. `position`, `recorded_at`: its checkpoint, and the time of
    that event. `complete`: the build may serve.
    """

    projection: str
    number: int
    version: int
    position: int
    recorded_at: datetime | None
    complete: bool


def migrate(dsn: str, projections: Sequence[Projection]) -> list[str]:
    """Every projection has a live build. Returns the names of those made. Safe twice at once."""
    made = []
    with connect(dsn, application_name="histoire-migrate") as conn, transaction(conn):
        conn.execute("select pg_advisory_xact_lock(%s, %s)", MIGRATION_LOCK)
        conn.execute(files("projections").joinpath("builds.sql").read_bytes())
        cursor = conn.cursor()
        grant_rights(cursor)
        for projection in projections:
            if _live_number(cursor, projection.name) is None:
                number = new_build(cursor, projection, indexes=True, complete=True)
                cursor.execute(
                    "insert into projection.live (projection, build) values (%s, %s)",
                    (projection.name, number),
                )
                made.append(f"projection {projection.name} build {number}")
    return made


def new_build(cursor: Cursor, projection: Projection, *, indexes: bool, complete: bool) -> int:
    """Makes an empty build at position 0. Returns its number."""
    row = cursor.execute(
        "insert into projection.build (projection, number, version, complete)"
        " select %s, coalesce(max(number), 0) + 1, %s, %s from projection.build"
        " where projection = %s returning number",
        (projection.name, projection.version, complete, projection.name),
    ).fetchone()
    assert row is not None, "an insert of one row returns one"
    number = int(row[0])
    statements = [*projection.tables(number), *(projection.indexes(number) if indexes else ())]
    for statement in statements:
        cursor.execute(statement.encode())
    grant_rights(cursor)
    return number


def grant_rights(cursor: Cursor) -> None:
    """All tables belong to `histoire_project`, and readers may read them.

    Nothing changes where these roles do not exist or the session may not give tables away.
    """
    cursor.execute(files("projections").joinpath("rights.sql").read_bytes())


def drop_build(cursor: Cursor, projection: Projection, number: int) -> None:
    """The tables of the build and its row are gone."""
    for table in projection.table_names(number):
        cursor.execute(f"drop table if exists {table}".encode())
    cursor.execute(
        "delete from projection.build where projection = %s and number = %s",
        (projection.name, number),
    )


def live_build(cursor: Cursor, projection: str) -> Build:
    """The build that serves. Raises NotMigrated when there is none."""
    number = _live_number(cursor, projection)
    if number is None:
        raise NotMigrated(projection)
    found = [build for build in all_builds(cursor, projection) if build.number == number]
    return found[0]


def all_builds(cursor: Cursor, projection: str) -> list[Build]:
    """All builds of a projection, oldest first."""
    rows = cursor.execute(
        "select projection, number, version, position, recorded_at, complete"
        " from projection.build where projection = %s order by number",
        (projection,),
        prepare=True,
    ).fetchall()
    return [Build(*row) for row in rows]


def switch(cursor: Cursor, projection: str, old: int, new: int) -> bool:
    """`new` serves from now on, by one statement. False: `old` was not live, nothing changed."""
    done = cursor.execute(
        "update projection.live set build = %s, previous = %s, switched_at = clock_timestamp()"
        " where projection = %s and build = %s",
        (new, old, projection, old),
    )
    return done.rowcount == 1


def advance(cursor: Cursor, build: Build, position: int, recorded_at: datetime) -> bool:
    """The checkpoint is `position`. False: it was not that of `build` any more, nothing changed."""
    done = cursor.execute(
        "update projection.build set position = %s, recorded_at = %s"
        " where projection = %s and number = %s and position = %s",
        (position, recorded_at, build.projection, build.number, build.position),
        prepare=True,
    )
    return done.rowcount == 1


def hold_live(cursor: Cursor, projection: str, *, exclusive: bool = False) -> int | None:
    """The number of the live build, which stays live until the transaction ends.

    Batches of the live build share this lock. A replay that takes it `exclusive` stops them.
    """
    mode = "update" if exclusive else "share"
    row = cursor.execute(
        f"select build from projection.live where projection = %s for {mode}",
        (projection,),
        prepare=True,
    ).fetchone()
    return None if row is None else int(row[0])


def _live_number(cursor: Cursor, projection: str) -> int | None:
    row = cursor.execute("select to_regclass('projection.live')").fetchone()
    if row is None or row[0] is None:
        return None
    row = cursor.execute(
        "select build from projection.live where projection = %s", (projection,)
    ).fetchone()
    return None if row is None else int(row[0])
