"""Why there is no broker."""

from __future__ import annotations


class BrokerError(RuntimeError):
    """The broker does not do what was asked; the sentence says why, `repair` what to do."""

    def __init__(self, sentence: str, repair: str | None = None) -> None:
        super().__init__(sentence)
        self.repair = repair


class MissingProgramError(BrokerError):
    """Java or Maven is not installed, or too old."""
