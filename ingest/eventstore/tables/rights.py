"""The roles of the database: who may do what, and the SQL for a server where we cannot make roles.

`sql/*_rights.sql` makes them and grants. A process gets a login user of its own that is a member of
one of them (`HISTOIRE_DATABASE_DSN` of its unit).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import psycopg
from psycopg import sql

Connection = psycopg.Connection[tuple[Any, ...]]

ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "histoire_ingest": "histoire ingest, dead-letters, positions: adds events; no timeline",
        "histoire_relay": "histoire relay: outcomes to publish; no event, no key",
        "histoire_project": "histoire project, replay: reads events, owns the projections",
        "histoire_read": "histoire timeline, statistics: reads projections; no event, no key",
        "histoire_audit": "histoire audit, status, document, registry: reads all, changes nothing",
        "histoire_library": "applications of the eventsourcing library on our log",
        "histoire_erase": "destroys the key of a record and what is kept of it in clear",
        "histoire_housekeep": "removes what is past its retention; beside histoire_relay or alone",
        "histoire_feed": "the embedded feed, besides another role; not needed with Kafka",
    }
)
"""Name of each group role (NOLOGIN), and who is to be a member of it."""

OF_PROJECTIONS: Final = "histoire_project"
"""Who migrates must be a member of it: he gives it the tables he makes."""

_MISSING: Final = b"SELECT r FROM unnest(%b::text[]) r WHERE to_regrole(r) IS NULL ORDER BY r"
_MAY_GIVE: Final = """
SELECT pg_has_role(to_regrole(%s), CASE WHEN current_setting('server_version_num')::integer < 160000
    THEN 'MEMBER' ELSE 'SET' END)"""
_MAKE: Final = """\
DO $$
DECLARE wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY[{names}] LOOP
        IF to_regrole(wanted) IS NULL THEN EXECUTE format('CREATE ROLE %I NOLOGIN', wanted); END IF;
    END LOOP;
END $$;
GRANT {projections} TO {migrator};
"""


def missing_roles(conn: Connection) -> list[str]:
    """The roles that this server lacks; none: all rights in this database could be granted."""
    return [name for (name,) in conn.execute(_MISSING, (list(ROLES),))]


def may_give_projections(conn: Connection) -> bool:
    """Whether the user of `conn` may give tables to `histoire_project`."""
    row = conn.execute(_MAY_GIVE, (OF_PROJECTIONS,)).fetchone()
    return row is not None and bool(row[0])


def role_script(conn: Connection) -> str:
    """SQL that makes the roles, for somebody who may; the user of `conn` migrates again after it.

    May be run again, and by psql as by any other client.
    """
    ((user,),) = conn.execute("select current_user").fetchall()
    migrator = sql.Identifier(user).as_string(conn)
    longest = max(map(len, ROLES))
    lines = [
        "-- Run this as a user who may create roles, on the server of the store and, if it is",
        "-- another one, on that of the keys. Then run `histoire migrate` again, which grants:",
        *(f"--   {name:<{longest}}  {purpose}" for name, purpose in ROLES.items()),
        _MAKE.format(
            names=", ".join(f"'{name}'" for name in ROLES),
            migrator=migrator,
            projections=OF_PROJECTIONS,
        ).rstrip(),
        "-- After that, a user for each process, for example:",
        "--   CREATE ROLE ingestor LOGIN IN ROLE histoire_ingest;",
        "-- and its password (in psql: \\password ingestor).",
    ]
    return "\n".join(lines) + "\n"
