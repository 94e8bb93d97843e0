"""Planned messages: deposits, operations on documents, messages on records."""

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from producers.simulator.population.authors import Machine, Writer
from producers.simulator.population.patient import Patient
from producers.simulator.population.professional import Professional
from producers.simulator.tables.rows import Act, DocumentKind

Expected = tuple[tuple[str, str | None], ...]
"""The right outcomes of a message, one of which comes: (status, code of the rejection)."""

ACCEPTED: Final[Expected] = (("ACCEPTED", None),)
UNCHANGED: Final[Expected] = (("UNCHANGED", None),)
DUPLICATE: Final[Expected] = (("DUPLICATE", None),)


def rejected(*codes: str) -> Expected:
    """Rejected with one of these codes."""
    return tuple(("REJECTED", code) for code in codes)


@dataclass(frozen=True, slots=True)
class PlannedDocument:
    """One version of a document; moments are seconds since 1970, UTC.

    `number` tells it from all others of the run. `set_id` seeds its content. `uid` is its
    uniqueId. `accession` and `study` (its instance UID) are those of an imaging study.
    """

    number: int
    kind: DocumentKind
    patient: Patient
    author: Writer
    signer: Writer
    prescriber: Professional | None
    act_start: int
    act_stop: int
    act_precision: str
    acts: tuple[Act, ...]
    panels: tuple[int, ...]
    order: str | None
    accession: str | None
    study: str | None
    created: int
    signed: int
    set_id: str
    version: int
    uid: str
    replaces: str | None
    status: str
    flags: dict[str, bool]
    visibility_only: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """One message: a deposit of `document`, or another message with these `fields`.

    `sent` orders the messages. `actor` None: the patient himself. `followed`: other messages on
    this document come later.
    """

    schema: str
    sent: int
    message_id: bytes
    patient: Patient
    sender: Writer
    actor: Professional | Machine | None
    channel: Literal["DIRECT", "HISTORICAL"]
    document: PlannedDocument | None
    fields: dict[str, Any]
    expected: Expected
    followed: bool = False

    def at(self, sent: int) -> "Planned":
        """The same message, sent at another moment."""
        return replace(self, sent=sent)
