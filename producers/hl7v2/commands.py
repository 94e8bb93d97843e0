"""`histoire hl7` and `histoire mllp`: the doors for software that speaks HL7 v2."""

import typer

from .command import register_hl7
from .mllp.command import register_mllp


def register_doors(app: typer.Typer) -> None:
    """Add `hl7` and `mllp` to the application."""
    register_hl7(app)
    register_mllp(app)
