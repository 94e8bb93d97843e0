"""The tables of names, places and streets."""

import json
from importlib.resources import files
from typing import Any


def people() -> dict[str, Any]:
    """The tables of names, places and streets."""
    loaded: dict[str, Any] = json.loads(
        files("producers.simulator.tables").joinpath("people.json").read_text("utf-8")
    )
    return loaded
