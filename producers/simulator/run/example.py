"""A test person to look at after a run: one with several documents of the run."""

from __future__ import annotations

from typing import Final

from producers.simulator.content.messages import Message
from schemas.forms.identity import ins_key

ENOUGH: Final = 3
"""A person with so many documents is the example; counting ends then."""
_COUNTED_MAX: Final = 100_000


class Example:
    """Counts deposits that are sent as planned. `ins`: `OID|MATRICULE`, None before the first.

    The simulator makes test persons only, under the test OID.
    """

    def __init__(self) -> None:
        self.ins: str | None = None
        self._most = 0
        self._documents: dict[str, int] = {}

    def see(self, message: Message) -> None:
        """Count one message."""
        planned = message.planned
        if planned.schema != "DepositDocument" or self._most >= ENOUGH:
            return
        oid, matricule = planned.patient.oid, planned.patient.matricule
        count = self._documents.get(matricule, 0) + 1
        if count > 1 or len(self._documents) < _COUNTED_MAX:
            self._documents[matricule] = count
        if count > self._most:
            self._most, self.ins = count, ins_key(oid, matricule)
