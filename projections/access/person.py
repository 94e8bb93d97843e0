"""What holds for a person, from the permissions of all his records. Pure.

Records that are linked speak as one: of each subject the latest word counts, in whichever record it
was said, and goes back to its own record when the link is undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .row import NOBODY, Matter, Permission


@dataclass(frozen=True, slots=True)
class PersonAccess:
    """Who may read a person's documents, by identifier. Authorisations are there after their end
    too: the moment of reading decides. `motives`: of break-glass accesses recorded of late, by who
    made them.
    """

    authorised: Mapping[str, Permission] = field(default_factory=dict)
    blocked: Mapping[str, Permission] = field(default_factory=dict)
    attending: Permission | None = None
    break_glass_opposed: bool = False
    regulation_opposed: bool = False
    motives: Mapping[str, str] = field(default_factory=dict)

    def authorised_until(self, ids: Iterable[str]) -> datetime | None:
        """The latest end of the authorisations of these identifiers; None without one."""
        ends = [word.until for name in ids if (word := self.authorised.get(name)) and word.until]
        return max(ends, default=None)

    def blocks(self, ids: Iterable[str]) -> bool:
        """Whether one of these is blocked: the professional, or the organisation he acts for."""
        return any(name in self.blocked for name in ids)

    def attends(self, identifier: str | None) -> bool:
        """Whether this is the attending physician."""
        return self.attending is not None and self.attending.subject == identifier


def person_access(words: Iterable[Permission], motives: Mapping[str, str]) -> PersonAccess:
    """What holds after all these words of a person's records; `motives` as in `PersonAccess`."""
    last: dict[tuple[Matter, str], Permission] = {}
    for word in words:
        key = (word.matter, word.subject)
        known = last.setdefault(key, Permission(word.record, word.matter, word.subject))
        known.join(word)
    held = {key: word for key, word in last.items() if word.said > word.unsaid}
    return PersonAccess(
        _of(held, Matter.AUTHORISED),
        _of(held, Matter.BLOCKED),
        _attending(last.values()),
        (Matter.BREAK_GLASS_OPPOSED, NOBODY) in held,
        (Matter.REGULATION_OPPOSED, NOBODY) in held,
        motives,
    )


def _of(held: Mapping[tuple[Matter, str], Permission], matter: Matter) -> dict[str, Permission]:
    return {subject: word for (about, subject), word in held.items() if about is matter}


def _attending(words: Iterable[Permission]) -> Permission | None:
    """Who was designated last, unless he was ended since: each designation ends the one before."""
    named = [word for word in words if word.matter is Matter.ATTENDING and word.said]
    newest = max(named, key=lambda word: word.said, default=None)
    return newest if newest is not None and newest.said > newest.unsaid else None
