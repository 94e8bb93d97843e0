"""Errors of the projections as errors of commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ingest.eventstore import StoreError
from ingest.eventstore.tables.migrations import MigrationError
from ingest.runtime.console import CommandError, Exit
from projections.builds import NotMigrated
from projections.events import EventNotApplicable
from projections.live.runner import NotOwner, OtherVersion
from projections.replay import ReplayImpossible


@contextmanager
def as_command_errors() -> Iterator[None]:
    """Errors of projections raised inside become a CommandError with sentence and exit code."""
    try:
        yield
    except (NotMigrated, MigrationError) as error:
        # Not FAILED: a restarted command would lack its tables again.
        raise CommandError(str(error), code=Exit.USAGE) from None
    except (NotOwner, OtherVersion, ReplayImpossible) as error:
        raise CommandError(str(error)) from None
    except (StoreError, EventNotApplicable) as error:
        raise CommandError(str(error), code=Exit.HALTED) from None
