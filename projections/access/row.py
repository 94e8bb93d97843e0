"""The rows of the projection `access`: permissions, and traces of accesses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

NOBODY = ""
"""`Permission.subject` of an opposition, which concerns a kind of access and nobody by name."""


class Matter(IntEnum):
    """The subject matter of a permission (SPEC d.5, h)."""

    AUTHORISED = 1
    BLOCKED = 2
    ATTENDING = 3
    BREAK_GLASS_OPPOSED = 4
    REGULATION_OPPOSED = 5


@dataclass(slots=True)
class Permission:
    """What one record has on one matter about one subject (`root^extension`).

    `said`: position of the last event that gave the permission; `unsaid`: of the last that took it
    back; 0 for never. `since`, `until`, `name`: of the event at `said`; only an authorisation has
    `until`.
    """

    record: int
    matter: Matter
    subject: str
    said: int = 0
    unsaid: int = 0
    since: datetime | None = None
    until: datetime | None = None
    name: str | None = None

    def join(self, other: Permission) -> None:
        """This permission joined with `other`, of the same matter and subject.

        The later giving and the later taking back count, in whichever order they are joined.
        """
        self.unsaid = max(self.unsaid, other.unsaid)
        if other.said > self.said:
            self.said, self.since = other.said, other.since
            self.until, self.name = other.until, other.name


@dataclass(frozen=True, slots=True)
class Trace:
    """One access to a record (SPEC h.4): by whom, for which organisation, how, to which documents.

    `position`: of its event. `mode`, `action`, `outcome`: as in `RecordAccessed`. Fields have the
    order of the columns.
    """

    position: int
    record: int
    recorded_at: datetime
    accessed_at: datetime
    mode: str
    action: str
    outcome: str
    motive: str | None
    actor_id: str
    actor_name: str | None
    role: str | None
    organisation_id: str | None
    organisation_name: str | None
    sector: str | None
    software: str
    document_ids: tuple[str, ...]
