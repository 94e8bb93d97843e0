"""The identity declared on a record, and what a message says against it (SPEC a.3, a.4; TRAP 6).

The fold of a record's `identity_declared` events. Pure.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from schemas.events import RecordFlags
from schemas.feed.messages import Traits
from schemas.forms.traits import StrictTraits, completed, differing_trait, strict_traits
from schemas.rules.table.rejections import Rejection


class Declared(NamedTuple):
    """The strict traits last declared; `insi_requested_at`: milliseconds since 1970 of the newest
    answer of INSi that came with any declaration, None when none came with one.
    """

    traits: StrictTraits
    insi_requested_at: int | None


def declare(before: Declared | None, datum: Mapping[str, Any]) -> Declared:
    """What is declared after one more declaration (`DeclareIdentity` or `identity_declared`)."""
    traits, asked = strict_traits(datum["traits"]), datum["insiRequestedAt"]
    if before is None:
        return Declared(traits, asked)
    known = before.insi_requested_at
    newest = asked if known is None else known if asked is None else max(known, asked)
    return Declared(completed(traits, before.traits), newest)


def disqualified(
    before: Declared | None, datum: Mapping[str, Any], revoked: bool
) -> Rejection | None:
    """Why a declaration leaves its identity without qualification; None: it is qualified.

    A qualified identity whose strict trait changes falls to validée (SPEC a.4, rule 27); it is
    qualified by INSi and papers, so that only an answer of INSi newer than all before gives it
    back, also where nothing was declared before the identity was revoked. A first declaration has
    nothing before it to differ from.
    """
    if _is_newer(datum["insiRequestedAt"], None if before is None else before.insi_requested_at):
        return None
    said = strict_traits(datum["traits"])
    trait = None if before is None else differing_trait(before.traits, said)
    if trait is not None:
        return Rejection("qualification_lost", f"traits.{trait}")
    return Rejection("qualification_lost", "insiRequestedAt") if revoked else None


def _is_newer(asked: int | None, known: int | None) -> bool:
    return asked is not None and (known is None or asked > known)


def traits_differ(declared: Declared | None, said: Traits | None) -> Rejection | None:
    """The traits a document came with are those declared on its record (SPEC a.4: filing by itself
    needs strict equality of traits, anything else a human; TRAP 7).

    Nothing is compared where one of the two is not said.
    """
    if declared is None or said is None:
        return None
    trait = differing_trait(declared.traits, strict_traits(said))
    return (
        None if trait is None else Rejection("traits_differ", f"document.sourcePatientInfo.{trait}")
    )


_TURNED_ON: Final = (
    RecordFlags.OPENED.value
    | RecordFlags.ACTIVATED.value
    | RecordFlags.OPPOSED.value
    | RecordFlags.CLOSED.value
    | RecordFlags.REVOKED.value
)


def may_be_declared(version: int, state: int) -> bool:
    """Whether a record at this version may have a declaration among its events.

    Each of five bits is turned on by an event that turns on none of the others, and a declaration
    turns on none: with no more events than such bits there is no declaration. So the many records
    that a first document opened need no look at the log.
    """
    return version > (state & _TURNED_ON).bit_count()
