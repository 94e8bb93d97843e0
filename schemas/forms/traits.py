"""Strict traits, and whether two sets of them belong to one identity (SPEC a.3).

Traits are compared with traits, never with the matricule (TRAP 4). Names are compared in a form of
their own; names kept and shown are those that were sent (TRAP 5).
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from schemas.feed.messages import Traits

_LETTERS: Final = str.maketrans({"Œ": "OE", "Æ": "AE", "Ø": "O", "Ð": "D", "Đ": "D", "Ł": "L"})
"""Letters that no decomposition takes apart."""
# Spaces of any kind, hyphens and dashes, apostrophes, and accents written for apostrophes.
_BETWEEN: Final = re.compile(r"[\s\-\u2010-\u2015\u2212'`\u00b4\u02b9\u02bc\u2018-\u201b\u2032]+")
_FORMAT: Final = "Cf"
"""Unicode's category of characters that nobody sees: soft hyphens, joiners, marks of direction."""
_DAY_LENGTH: Final = 8


class StrictTraits(NamedTuple):
    """The strict traits as sent. `birth_place`: None when the sender gave none."""

    birth_name: str
    birth_given_name: str
    given_names: str
    sex: str
    birth_date: str
    birth_place: str | None


def strict_traits(traits: Traits) -> StrictTraits:
    """The strict traits among these. Names in use are complementary (SPEC a.3)."""
    return StrictTraits(
        traits["birthName"],
        traits["birthGivenName"],
        traits["givenNames"],
        traits["sex"],
        traits["birthDate"],
        traits["birthPlace"],
    )


@lru_cache(maxsize=65_536)
def comparable_name(name: str) -> str:
    """The name in capitals without accents; hyphens and apostrophes become one space (SPEC a.3).

    A list of given names is one text. The form is for comparison only, never kept or shown.
    """
    letters = unicodedata.normalize("NFKD", name.upper()).upper().translate(_LETTERS)
    plain = "".join(
        letter
        for letter in letters
        if not unicodedata.combining(letter) and unicodedata.category(letter) != _FORMAT
    )
    return _BETWEEN.sub(" ", plain).strip()


def differing_trait(one: StrictTraits, other: StrictTraits) -> str | None:
    """The field of `Traits` of the first strict trait that differs; None: one identity.

    Names are compared by `comparable_name`, the date of birth by its day, sex and birthplace
    without spaces around. A birthplace that one of both lacks does not differ: no change is known.
    """
    if one == other:
        return None
    for (field, form), mine, theirs in zip(_COMPARABLE.items(), one, other, strict=True):
        if mine == theirs or mine is None or theirs is None:
            continue
        if form(mine) != form(theirs):
            return field
    return None


def comparable_day(literal: str) -> str:
    """The day of a birth date; an hour or a zone behind it names no other day (SPEC a.3)."""
    literal = literal.strip()
    return literal[:_DAY_LENGTH] if literal[:_DAY_LENGTH].isdigit() else literal


def completed(traits: StrictTraits, before: StrictTraits) -> StrictTraits:
    """`traits`, with the birthplace of `before` when they have none.

    Otherwise a birthplace left out once could change afterwards.
    """
    return (
        traits
        if traits.birth_place is not None
        else traits._replace(birth_place=before.birth_place)
    )


_COMPARABLE: Final[Mapping[str, Callable[[str], str]]] = {
    "birthName": comparable_name,
    "birthGivenName": comparable_name,
    "givenNames": comparable_name,
    "sex": str.strip,
    "birthDate": comparable_day,
    "birthPlace": str.strip,
}
"""The form in which each strict trait is compared, in the order of `StrictTraits`."""
