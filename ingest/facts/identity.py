"""The identity declared on a record, and what a message says against it (SPEC a.3, a.4; TRAP 6).

The fold of a record's `identity_declared` events. Pure.
"""

from typing import NamedTuple, TypedDict

from schemas.feed.messages import Traits
from schemas.forms.traits import StrictTraits, completed, differing_trait, strict_traits
from schemas.rules.table.rejections import Rejection


class Declaration(TypedDict):
    """What a declaration of an identity has, as a message and as an event."""

    traits: Traits
    insiRequestedAt: int | None


class DeclaredIdentity(NamedTuple):
    """The strict traits last declared; `insi_requested_at`: milliseconds since 1970 of the newest
    answer of INSi that came with any declaration, None when none came with one.
    """

    traits: StrictTraits
    insi_requested_at: int | None


def declared_after(before: DeclaredIdentity | None, datum: Declaration) -> DeclaredIdentity:
    """What is declared after one more declaration."""
    traits, asked = strict_traits(datum["traits"]), datum["insiRequestedAt"]
    if before is None:
        return DeclaredIdentity(traits, asked)
    newest = before.insi_requested_at
    if _is_newer(asked, newest):
        newest = asked
    return DeclaredIdentity(completed(traits, before.traits), newest)


def lost_qualification(
    before: DeclaredIdentity | None, datum: Declaration, revoked: bool
) -> Rejection | None:
    """Why a declaration leaves its identity without qualification; None: it is qualified.

    A qualified identity whose strict trait changes falls to validée (SPEC a.4, rule 27). INSi and
    papers qualify an identity; therefore only an answer of INSi newer than all before gives the
    qualification back, also where nothing was declared before the identity was revoked. A first
    declaration has nothing before it to differ from.
    """
    if _is_newer(datum["insiRequestedAt"], None if before is None else before.insi_requested_at):
        return None
    declared = strict_traits(datum["traits"])
    trait = None if before is None else differing_trait(before.traits, declared)
    if trait is not None:
        return Rejection("qualification_lost", f"traits.{trait}")
    return Rejection("qualification_lost", "insiRequestedAt") if revoked else None


def _is_newer(asked: int | None, than: int | None) -> bool:
    return asked is not None and (than is None or asked > than)


def traits_differ(declared: DeclaredIdentity | None, claimed: Traits | None) -> Rejection | None:
    """The traits a document came with are those declared on its record (SPEC a.4: filing by itself
    needs strict equality of traits, anything else a human; TRAP 7).

    Nothing is compared where one of the two is missing.
    """
    if declared is None or claimed is None:
        return None
    trait = differing_trait(declared.traits, strict_traits(claimed))
    return (
        None if trait is None else Rejection("traits_differ", f"document.sourcePatientInfo.{trait}")
    )
