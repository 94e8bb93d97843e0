"""What a person is told of an error: sentence, repair, exit code.

The words of others are not repeated: they may carry data.
"""

from __future__ import annotations

import psycopg

from deploy.broker import BrokerError, MissingProgramError
from ingest.feed.types import FeedError, FeedMismatch
from ingest.runtime.console import CommandError, Exit
from ingest.runtime.postgres.embedded import EmbeddedPostgresError
from projections.builds import NotMigrated


def describe(error: Exception) -> tuple[str, str | None, Exit]:
    """What a person is told of an error: sentence, repair, exit code.

    A message that we did not write ourselves is not repeated: it may carry data.
    """
    match error:
        case CommandError():
            return error.sentence, error.repair, error.code
        case MissingProgramError():
            return str(error), error.repair, Exit.MISSING
        case NotMigrated():
            return str(error), None, Exit.USAGE
        case BrokerError():
            return str(error), error.repair, Exit.UNAVAILABLE
        case EmbeddedPostgresError():
            return str(error), None, Exit.UNAVAILABLE
        case FeedMismatch():
            return str(error), None, Exit.HALTED
        case FeedError():
            return str(error), None, Exit.UNAVAILABLE
        case psycopg.errors.InsufficientPrivilege():
            # "permission denied for table x": the server's own words name objects, never rows.
            return (
                f"PostgreSQL refuses this user a right: {error.diag.message_primary}",
                "Make it a member of this command's role: see `histoire migrate --print-roles`.",
                Exit.USAGE,
            )
        case psycopg.OperationalError():
            return _database_away(error)
        case OSError(filename=str(name), strerror=str(reason)):
            return f"{name}: {reason}", None, Exit.FAILED
        case _:
            return _internal(error)


def _database_away(error: psycopg.OperationalError) -> tuple[str, str | None, Exit]:
    state = error.sqlstate
    reason = f"SQLSTATE {state}" if state else str(error).strip().splitlines()[0]
    return (
        f"PostgreSQL is away or refuses us: {reason}",
        "Check HISTOIRE_DATABASE_DSN, or try again later.",
        Exit.UNAVAILABLE,
    )


def _internal(error: Exception) -> tuple[str, str | None, Exit]:
    place = "unknown place"
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next
    kind = type(error).__name__
    state = f" SQLSTATE {error.sqlstate}" if isinstance(error, psycopg.Error) else ""
    return f"a fault of ours: {kind}{state} in {place}", "Please report it.", Exit.INTERNAL
