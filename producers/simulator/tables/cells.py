"""The JSON tables of this folder, and what stands in their cells: listed codes, pairs."""

import json
from importlib.resources import files
from typing import Any, Final

from producers.simulator.tables.rows import (
    TableError,
)

PDF: Final = "application/pdf"
CDA: Final = "text/xml"


def load(name: str) -> Any:
    """A JSON table of this folder."""
    return json.loads(files(__package__).joinpath(f"{name}.json").read_text("utf-8"))


def check_listed(where: str, field: str, code: str, allowed: frozenset[str]) -> None:
    """The code is allowed. Raises TableError. `where`: file and row, for the sentence."""
    if code not in allowed:
        raise TableError(f"{where}: {field} {code!r} is not allowed")


def pair(values: list[int]) -> tuple[int, int]:
    """Low and high of a cell."""
    low, high = values
    return int(low), int(high)


def hours(values: list[float]) -> tuple[float, float]:
    """Low and high of a cell, in hours."""
    low, high = values
    return float(low), float(high)
