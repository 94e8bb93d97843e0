"""What the projection `access` keeps: what a person said of who may read, and who did read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

NOBODY = ""
"""`Permission.subject` of an opposition: it is about a kind of access, not about somebody."""


class Matter(IntEnum):
    """What a permission is about (SPEC d.5, h)."""

    AUTHORISED = 1
    BLOCKED = 2
    ATTENDING = 3
    BREAK_GLASS_OPPOSED = 4
    REGULATION_OPPOSED = 5


@dataclass(slots=True)
class Permission:
    """The last word in one record on one matter about one subject (`root^extension`).

    `said`, `unsaid`: positions of the last event that said it and of the last that took it back, 0
    for never. `since`, `until`, `name`: as said last; `until` for an authorisation only.
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
        """Both words on the same matter and subject: the later of each kind counts, whichever was
        heard first.
        """
        self.unsaid = max(self.unsaid, other.unsaid)
        if other.said > self.said:
            self.said, self.since = other.said, other.since
            self.until, self.name = other.until, other.name


@dataclass(frozen=True, slots=True)
class Trace:
    """One access to a record (SPEC h.4): by whom, for whom, with what, how, to which documents.

    `position`: of its event. `mode`, `action`, `outcome`: as in `RecordAccessed`. The order of the
    fields is that of the columns.
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
