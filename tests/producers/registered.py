"""An application with the commands of one registrar, as `histoire` loads them."""

from __future__ import annotations

from collections.abc import Callable

import typer


def registered(register: Callable[[typer.Typer], None]) -> typer.Typer:
    """The application: a group, also of one command."""
    app = typer.Typer(callback=lambda: None)
    register(app)
    return app
