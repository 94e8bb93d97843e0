"""The life of a document: its versions, who sends them, what is still to happen to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from producers.simulator.plan.planned import (
    ACCEPTED,
    UNCHANGED,
    Expected,
    PlannedDocument,
    rejected,
)
from producers.simulator.population.authors import Machine, PatientAuthor, Writer
from producers.simulator.population.professional import Professional
from producers.simulator.tables.rows import Step


@dataclass(slots=True)
class DocumentLife:
    """A document, with the KOS that follows it if there is one, and the steps still to come.

    `expected`: outcomes of its deposits; `expected_later`: of operations on it.
    """

    documents: tuple[PlannedDocument, ...]
    sender: Writer
    steps: Sequence[Step]
    expected: Expected
    expected_later: Expected

    @property
    def actor(self) -> Professional | Machine | None:
        """Who acts as its author; None for the patient."""
        return None if isinstance(self.sender, PatientAuthor) else self.sender


def expected_outcomes(restrictions: tuple[str, ...]) -> tuple[Expected, Expected]:
    """The right outcomes of a deposit and of an operation on it. `restrictions`: of the record.

    No order holds between the topics: any message of a restricted person may meet the record open
    or not (decision 0002), and an operation may come after a rejected deposit.
    """
    if not restrictions:
        return ACCEPTED, ACCEPTED
    codes = rejected(*restrictions)
    return ACCEPTED + codes, ACCEPTED + UNCHANGED + codes + rejected("target_unknown")
