"""Errors of ingestion as one sentence and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

from ingest.consume.rejection_limit import TooManyRejections
from ingest.eventstore import StoreError
from ingest.eventstore.log.dead_letters import DeadLetterNotFound
from ingest.eventstore.tables.migrations import MigrationError
from ingest.runtime.console import CommandError, Exit
from ingest.upkeep.documents import DocumentUnavailable
from ingest.upkeep.relay import RelayRefused


@contextmanager
def as_command_errors() -> Iterator[None]:
    """What halts ingestion ends the command with a sentence, a repair and the right exit code."""
    try:
        yield
    except TooManyRejections as error:
        raise CommandError(
            f"ingestion stopped itself: {error}. Nothing of this batch was committed, so none of it"
            " is among the dead letters yet",
            "Find the cause at the senders; to let N rejections through, into the dead letters:"
            " `histoire ingest --accept-rejections N`",
            Exit.STOPPED,
        ) from None
    except (DeadLetterNotFound, DocumentUnavailable) as error:
        raise CommandError(str(error), None, Exit.NOT_FOUND) from None
    except MigrationError as error:
        raise CommandError(str(error), None, Exit.USAGE) from None
    except (StoreError, RelayRefused) as error:
        raise CommandError(
            f"halted, since going on would break the guarantee: {error}", None, Exit.HALTED
        ) from None
