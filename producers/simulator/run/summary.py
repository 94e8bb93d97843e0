"""What a run did, in figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Summary:
    """What a run did. `seconds`: from start to end; `sending`: the part spent publishing.

    `behind`: by how many seconds the latest batch was handed over after it was due.
    `interrupted`: it was asked to stop. `example_ins`: `OID|MATRICULE` of a test person, with
    several documents of this run if somebody has them.
    """

    sent: int = 0
    acknowledged: int = 0
    refused: int = 0
    unanswered: int = 0
    seconds: float = 0.0
    sending: float = 0.0
    behind: float = 0.0
    bytes: int = 0
    by_schema: Counter[str] = field(default_factory=Counter)
    by_fault: Counter[str] = field(default_factory=Counter)
    complete: bool = False
    interrupted: bool = False
    example_ins: str | None = None

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "sent": self.sent,
            "acknowledged": self.acknowledged,
            "refused": self.refused,
            "unanswered": self.unanswered,
            "complete": self.complete,
            "interrupted": self.interrupted,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "behind_seconds": round(self.behind, 3),
            "per_second": rate(self.sent, self.seconds),
            "per_second_while_sending": rate(self.sent, self.sending),
            "by_schema": dict(sorted(self.by_schema.items())),
            "by_fault": dict(sorted(self.by_fault.items())),
            "example_ins": self.example_ins,
        }


def rate(count: int, seconds: float) -> int:
    """So many a second, 0 for no time."""
    return round(count / seconds) if seconds > 0 else 0
