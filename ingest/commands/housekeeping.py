"""`histoire housekeeping`: by hand what the relay does each hour."""

from typing import Final

import typer

from ingest.eventstore import EventStore
from ingest.runtime.console import out, print_json, progress
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.options import Json
from ingest.runtime.settings import Settings
from ingest.upkeep.housekeeping import Housekeeping, Turn
from ingest.upkeep.sweep import STEPS_APART_MIN

from .errors import as_command_errors

_SAID: Final = {
    "feed_records": "read records removed from the embedded feed (Kafka removes them by itself)",
    "outcome_batches": "batches of published outcomes removed from the store",
    "content_orphans": "document bytes removed that no event refers to",
}


def register_housekeeping(app: typer.Typer) -> None:
    """Add `housekeeping` to `app`."""

    @app.command()
    def housekeeping(
        as_json: Json = False,
    ) -> None:
        """Remove what is past its retention: what the relay does each hour, now.

        Read records of the embedded feed (HISTOIRE_FEED_RETENTION_HOURS), published outcomes
        (HISTOIRE_OUTCOME_RETENTION_HOURS), document bytes no event refers to: those are set aside
        by one sweep and removed by the next, at least an hour later (null: not due). Nothing unread
        is ever removed. Exit codes: 0 done; 2 this user lacks a right; 4 a service is away; 5 a
        key is missing. What could be done is done also then.
        """
        settings = Settings.load()
        with as_command_errors():
            with EventStore.open(settings) as store, progress("housekeeping"):
                turn = Housekeeping(settings, store, SystemClock()).turn(STEPS_APART_MIN)
            _show(turn, as_json)
            for error in turn.failures.values():
                raise error


def _show(turn: Turn, as_json: bool) -> None:
    if as_json:
        failures = {step: type(error).__name__ for step, error in turn.failures.items()}
        print_json({**turn.removed, "faults": failures})
        return
    for step, words in _SAID.items():
        if step in turn.failures:
            out().print(f"   failed  {words}")
        else:
            count = turn.removed[step]
            out().print(f"{'not due' if count is None else count:>9}  {words}")
