"""Commands of this package: one `register_...` per subject, each in the module of its subject."""

from __future__ import annotations

import typer

from deploy.broker.commands import register_broker
from deploy.configuration import register_config
from deploy.database import register_database
from deploy.group.command import register_run
from deploy.status.command import register_status


def register(app: typer.Typer) -> None:
    """Add the commands of this package to `app`."""
    register_run(app)
    register_status(app)
    register_config(app)
    register_database(app)
    register_broker(app)
