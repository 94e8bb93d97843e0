"""What rules ask about heads and first events: who wrote a document, how the site is set up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from schemas.feed.messages import Actor, Author, DepositDocument
from schemas.heads import Head
from schemas.policy.may_do import DEFAULT_POLICY, Authorship, Policy
from schemas.rules.table.severities import AS_THE_TABLE_SAYS, Severities

AuthorHash = Callable[[str], int]
"""The keyed hash of an author's or organisation's identifier (`stream.authors`)."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What decisions depend on beside messages and facts: how this installation is set up.

    `severities`: how strict the rules are. `policy`: who may do what to a document.
    `registry_required`: the registry is asked for every kind, also for one without any entry.
    """

    author_hash: AuthorHash
    severities: Severities = AS_THE_TABLE_SAYS
    policy: Policy = DEFAULT_POLICY
    registry_required: bool = False


NO_HEAD: Final = Head(0, 0, 0, 0, (), None)
"""Of a record that has no event."""


class FirstEvent(NamedTuple):
    """The first event of a document: its deposit. `datum` is None when its record was erased.

    `position` orders first events; those of the batch itself stand after all that are stored.
    """

    record: int
    datum: DepositDocument | None
    position: int = 0


def authors_of(authors: list[Author], author_hash: AuthorHash) -> tuple[int, ...]:
    """The keyed hashes of every author and every author's organisation, sorted, each once."""
    found = {author_hash(author["id"]) for author in authors}
    found.update(
        author_hash(author["organisationId"]) for author in authors if author["organisationId"]
    )
    return tuple(sorted(found))


def is_author_or_org(actor: Actor, authors: tuple[int, ...], author_hash: AuthorHash) -> bool:
    """Whether the caller, or the organisation he acts for, is among these (TRAP 14)."""
    organisation = actor["organisationId"]
    return author_hash(actor["id"]) in authors or (
        bool(organisation) and author_hash(str(organisation)) in authors
    )


def authorship_of(
    actor: Actor,
    authors: tuple[int, ...],
    author_hash: AuthorHash,
    first: Callable[[], FirstEvent | None],
    policy: Policy,
) -> Authorship:
    """What the caller is to a document of these authors. `first`: its first event, which tells
    authors from their organisations; it is asked only where the policy makes that difference.
    Without it the caller is never taken for more than of the organisation.
    """
    if not is_author_or_org(actor, authors, author_hash):
        return Authorship.NEITHER
    event = first() if policy.parts_author_from_organisation else None
    if event is None or event.datum is None:
        return Authorship.ORGANISATION
    written = any(author["id"] == actor["id"] for author in event.datum["document"]["authors"])
    return Authorship.AUTHOR if written else Authorship.ORGANISATION
