"""The permissions of a person, from those of all his records. Pure.

Linked records count as one: of each matter and subject the latest event counts, in whichever of
the records it stands. When the link is undone, each record has its own permissions again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .row import NOBODY, Matter, Permission


@dataclass(frozen=True, slots=True)
class PersonAccess:
    """Who may read a person's documents, by identifier.

    `authorised` keeps authorisations after their end: the moment of reading decides. `motives`:
    motive of each recent break-glass access, by the identifier of the actor.
    """

    authorised: Mapping[str, Permission] = field(default_factory=dict)
    blocked: Mapping[str, Permission] = field(default_factory=dict)
    attending: Permission | None = None
    break_glass_opposed: bool = False
    regulation_opposed: bool = False
    motives: Mapping[str, str] = field(default_factory=dict)

    def authorised_until(self, ids: Iterable[str]) -> datetime | None:
        """The latest end of the authorisations of these identifiers; None when they have none."""
        ends = [
            permission.until
            for name in ids
            if (permission := self.authorised.get(name)) and permission.until
        ]
        return max(ends, default=None)

    def blocks(self, ids: Iterable[str]) -> bool:
        """True when one of `ids`, the professional or his organisation, is blocked."""
        return any(name in self.blocked for name in ids)

    def attends(self, identifier: str | None) -> bool:
        """True when this identifier is that of the attending physician."""
        return self.attending is not None and self.attending.subject == identifier


def person_access(permissions: Iterable[Permission], motives: Mapping[str, str]) -> PersonAccess:
    """The permissions that hold, from those of all records; `motives` as in `PersonAccess`."""
    last: dict[tuple[Matter, str], Permission] = {}
    for permission in permissions:
        key = (permission.matter, permission.subject)
        known = last.setdefault(
            key, Permission(permission.record, permission.matter, permission.subject)
        )
        known.join(permission)
    held = {
        key: permission for key, permission in last.items() if permission.said > permission.unsaid
    }
    return PersonAccess(
        authorised=_of(held, Matter.AUTHORISED),
        blocked=_of(held, Matter.BLOCKED),
        attending=_attending(last.values()),
        break_glass_opposed=(Matter.BREAK_GLASS_OPPOSED, NOBODY) in held,
        regulation_opposed=(Matter.REGULATION_OPPOSED, NOBODY) in held,
        motives=motives,
    )


def _of(held: Mapping[tuple[Matter, str], Permission], matter: Matter) -> dict[str, Permission]:
    return {subject: permission for (about, subject), permission in held.items() if about is matter}


def _attending(permissions: Iterable[Permission]) -> Permission | None:
    """The physician designated last, or None when he was ended since.

    Each designation ends the one before.
    """
    named = [
        permission
        for permission in permissions
        if permission.matter is Matter.ATTENDING and permission.said
    ]
    newest = max(named, key=lambda permission: permission.said, default=None)
    return newest if newest is not None and newest.said > newest.unsaid else None
