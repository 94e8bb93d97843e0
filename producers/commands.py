"""Commands of those who feed: simulate, and later send and outcomes."""

import typer

from .simulate_command import register_simulate


def register(app: typer.Typer) -> None:
    """Add the commands of this package to `app`."""
    register_simulate(app)
