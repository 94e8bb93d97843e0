"""How bugs get at the product: its modules, in the process that they are planted into."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def module(name: str) -> Any:
    """A module of the product, imported now and not before: crash points are planted first."""
    return importlib.import_module(name)


def apart(cursor: Any, work: Callable[[Any], Any]) -> Any:
    """In a transaction of its own, on a connection of its own."""
    from ingest.runtime.postgres.database import connect

    with (
        connect(cursor.connection.info.dsn, application_name="planted", autocommit=False) as conn,
        conn.cursor(binary=True) as other,
    ):
        return work(other)
