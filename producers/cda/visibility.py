"""Who is not to see a document: asked for beside the file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestedVisibility:
    """The flags that a sender asks for. They never stand in a CDA (SPEC c.4)."""

    masque_ps: bool = False
    invisible_patient: bool = False
    invisible_representants_legaux: bool = False
