"""Rules on the person: INS, identity status, traits (SPEC a)."""

import re
from typing import Final, Literal

from schemas.feed.messages import DeclareIdentity, Ins, Traits
from schemas.forms.identity import is_well_formed, key_is_valid
from schemas.forms.texts import NAME_LENGTH_MAX, optional_text_is_fit, text_is_fit, texts_are_fit
from schemas.forms.times import time_exists
from schemas.rules.table.rejections import Rejection
from schemas.valuesets import GENDERS

FEEDING: Final = frozenset(
    {
        "DepositDocument",
        "DeclareIdentity",
        "OpenRecord",
        "ActivateRecord",
    }
)
"""Messages that need a qualified identity (SPEC a.4, rule 28).

The others forbid, undo or repair. An identity that lost its qualification must still be able to
oppose, close, revoke and link, and to mask, archive or delete a document deposited wrongly.
"""
_COMPULSORY_TRAITS: Final[tuple[Literal["birthName", "birthGivenName", "givenNames"], ...]] = (
    "birthName",
    "birthGivenName",
    "givenNames",
)
_OPTIONAL_TRAITS: Final[tuple[Literal["usedName", "usedGivenName"], ...]] = (
    "usedName",
    "usedGivenName",
)
_BIRTH_PLACE_LENGTH: Final = 5
_BIRTH_PLACE: Final = re.compile(r"[0-9][0-9AB][0-9]{3}")


def qualified(name: str, ins: Ins) -> Rejection | None:
    """Only a qualified identity feeds (SPEC a.4, TRAP 6)."""
    if ins["status"] != "QUALIFIEE" and name in FEEDING:
        return Rejection("identity_not_qualified", "ins.status")
    return None


def ins_accepted(oid: str, matricule: str, oids: frozenset[str], at: str) -> Rejection | None:
    """The OID is one of this environment; form and key are right (SPEC a.1, a.2, TRAP 1 to TRAP 4).

    `at`: beginning of the path.
    """
    if oid not in oids:
        return Rejection("ins_oid_not_accepted", at + "oid")
    if key_is_valid(matricule):
        return None
    code = "ins_key_wrong" if is_well_formed(matricule) else "ins_malformed"
    return Rejection(code, at + "matricule")


def traits_right(traits: Traits | None, at: str) -> Rejection | None:
    """Strict traits are there and well formed (SPEC a.3).

    They are never compared with the matricule (TRAP 4). `at`: beginning of the path.
    """
    if traits is None:
        return None
    rejection = _names_right(traits, at)
    if rejection is not None:
        return rejection
    if traits["sex"] not in GENDERS:
        return Rejection("traits_malformed", at + "sex")
    if not time_exists(traits["birthDate"]):
        return Rejection("traits_malformed", at + "birthDate")
    place = traits["birthPlace"]
    if place is not None and not _is_birth_place(place):
        return Rejection("traits_malformed", at + "birthPlace")
    return None


def _is_birth_place(place: str) -> bool:
    # Digits first, for speed: places of Corsica alone have letters.
    digits = len(place) == _BIRTH_PLACE_LENGTH and place.isdigit() and place.isascii()
    return digits or _BIRTH_PLACE.fullmatch(place) is not None


def _names_right(traits: Traits, at: str) -> Rejection | None:
    name, given, all_given = traits["birthName"], traits["birthGivenName"], traits["givenNames"]
    used, used_given = traits["usedName"], traits["usedGivenName"]
    if name and given and all_given and texts_are_fit(name, given, all_given, used, used_given):
        return None
    for field in _COMPULSORY_TRAITS:
        if not text_is_fit(traits[field], NAME_LENGTH_MAX):
            return Rejection("traits_malformed", at + field)
    for trait in _OPTIONAL_TRAITS:
        if not optional_text_is_fit(traits[trait], NAME_LENGTH_MAX):
            return Rejection("traits_malformed", at + trait)
    return None


def declaration_right(datum: DeclareIdentity) -> Rejection | None:
    """All rules on a declared identity: its traits (SPEC a.3) and the answer of INSi (a.4)."""
    return traits_right(datum["traits"], "traits.") or insi_has_answered(datum)


def insi_has_answered(datum: DeclareIdentity) -> Rejection | None:
    """INSi answered before the declaration was made (SPEC a.4, rule 39).

    An answer of the future would be newer than all to come: nothing could then qualify the identity
    again.
    """
    asked = datum["insiRequestedAt"]
    if asked is None or 0 <= asked <= datum["provenance"]["occurredAt"]:
        return None
    return Rejection("insi_time_wrong", "insiRequestedAt")
