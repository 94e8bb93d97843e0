"""Commands of those who feed: simulate, check, send, and the answers that come back."""

import typer

from producers.check.command import register_check
from producers.hl7v2.commands import register_doors
from producers.outcomes.command import register_outcomes
from producers.record.command import register_record
from producers.send.command import register_send
from producers.simulator.command import register_simulate


def register(app: typer.Typer) -> None:
    """Add the commands of this package to `app`."""
    register_simulate(app)
    register_send(app)
    register_outcomes(app)
    register_record(app)
    register_check(app)
    register_doors(app)
