"""National identifiers of professionals and organisations: their forms and their check digits.

The first character of a PS_IdNat and of a Struct_IdNat tells the form of the rest (SPEC b.1, b.2;
TRAP 23). Identifiers are text for ever, with slashes, leading zeros and Corsican letters: none is
ever made a number. The keys are compared with python-stdnum in tests (decision 0043).
"""

import re
from functools import lru_cache
from typing import Final, Literal

PERSON_ROOT: Final = "1.2.250.1.71.4.2.1"
"""Root of PS_IdNat."""
ORGANISATION_ROOT: Final = "1.2.250.1.71.4.2.2"
"""Root of Struct_IdNat."""
SIREN_ROOT: Final = "1.3.2"
"""Root of the SIREN that names the organisation of a referenced service (SNR, SPEC b.3)."""
PATIENT_SPACE_ROOT: Final = "1.2.250.1.213.4.1"
"""Root of the custodian of what patients write themselves (SPEC f.1)."""

LENGTH_MAX: Final = 128
"""Greatest length. A longer identifier is malformed."""

PersonIdFlaw = Literal["person_id_malformed", "person_id_unknown_form", "rpps_key_wrong"]
OrganisationIdFlaw = Literal[
    "organisation_id_malformed",
    "organisation_id_unknown_form",
    "organisation_key_wrong",
    "organisation_is_person",
]
IdFlaw = PersonIdFlaw | OrganisationIdFlaw

_RPPS: Final = re.compile(r"[0-9]{11}")
_ADELI: Final = re.compile(r"[0-9A-Z]{9}")
_FINESS: Final = re.compile(r"(?:[0-9]{2}|2[AB])[0-9]{7}")
_SIREN: Final = re.compile(r"[0-9]{9}")
_SIRET: Final = re.compile(r"[0-9]{14}")
_INTERNAL: Final = re.compile(r"([0-9A-Z]+)/.+")
_VARIABLE: Final = re.compile(r"\S+")
_LUHN_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_LA_POSTE: Final = "356000000"
_EMPLOYER: Final = {"3": _FINESS, "4": _SIREN, "5": _SIRET}
"""Prefix of a PS_IdNat to the form of the number of the employer that the PS_IdNat begins with."""
_OWN_NUMBER: Final = {"1": _FINESS, "2": _SIREN, "3": _SIRET, "0": _VARIABLE, "4": _VARIABLE}
"""Prefix of a Struct_IdNat to the form of the number after the prefix."""


def luhn_is_valid(digits: str) -> bool:
    """True when the last digit is the Luhn key of the others. False for texts with other signs."""
    return _luhn_sum(digits) % 10 == 0 if digits.isascii() and digits.isdigit() else False


def _luhn_sum(digits: str) -> int:
    return sum(map(int, digits[-1::-2])) + sum(_LUHN_DOUBLED[int(d)] for d in digits[-2::-2])


def rpps_is_well_formed(text: str) -> bool:
    """RPPS: 11 digits (SPEC b.1). The key is not looked at."""
    return _RPPS.fullmatch(text) is not None


def adeli_is_well_formed(text: str) -> bool:
    """ADELI: 9 digits or capitals (SPEC b.1)."""
    return _ADELI.fullmatch(text) is not None


def siren_is_well_formed(text: str) -> bool:
    """SIREN: 9 digits (SPEC b.2)."""
    return _SIREN.fullmatch(text) is not None


def siret_is_well_formed(text: str) -> bool:
    """SIRET: 14 digits (SPEC b.2)."""
    return _SIRET.fullmatch(text) is not None


def finess_key_is_valid(finess: str) -> bool:
    """True when the 9th digit is the Luhn key of the others, and for every FINESS of Corsica.

    No source tells how the key of a FINESS with a letter is computed (SPEC b.2).
    """
    return not finess.isdigit() or luhn_is_valid(finess)


def siret_key_is_valid(siret: str) -> bool:
    """True when the 14 digits have their Luhn key, or a sum that five divides for La Poste.

    The second way is the known exception for establishments of La Poste (SPEC b.2).
    """
    if luhn_is_valid(siret):
        return True
    return siret.startswith(_LA_POSTE) and siret.isdigit() and sum(map(int, siret)) % 5 == 0


def person_id_flaw(value: str) -> PersonIdFlaw | None:
    """The worst flaw of the extension of a PS_IdNat, None without one (SPEC b.1).

    Malformed: a known prefix with a rest that the pattern of SPEC b.1 does not take. When the
    pattern takes the rest, but the number of the employer has another length, the form is unknown.
    """
    # The length first: the memory of the cache is bounded by it.
    return _person_id_flaw(value) if len(value) <= LENGTH_MAX else "person_id_malformed"


@lru_cache(maxsize=65_536)
def _person_id_flaw(value: str) -> PersonIdFlaw | None:
    prefix, rest = value[:1], value[1:]
    if prefix == "8":
        if not rpps_is_well_formed(rest):
            return "person_id_malformed"
        return None if luhn_is_valid(rest) else "rpps_key_wrong"
    if prefix == "0":
        return None if adeli_is_well_formed(rest) else "person_id_malformed"
    if prefix not in ("1", "3", "4", "5", "6"):
        return "person_id_unknown_form"
    internal = _INTERNAL.fullmatch(rest)
    if internal is None:
        return "person_id_malformed"
    employer = _EMPLOYER.get(prefix)
    fits = employer is None or employer.fullmatch(internal[1]) is not None
    return None if fits else "person_id_unknown_form"


def organisation_id_flaw(value: str) -> OrganisationIdFlaw | None:
    """The worst flaw of the extension of a Struct_IdNat, None without one (SPEC b.2).

    Malformed: a known prefix with a rest of another form. A technical number has no prefix: its
    form is unknown. An RPPS with its prefix names a person (TRAP 23).
    """
    return _organisation_id_flaw(value) if len(value) <= LENGTH_MAX else "organisation_id_malformed"


@lru_cache(maxsize=65_536)
def _organisation_id_flaw(value: str) -> OrganisationIdFlaw | None:
    prefix, rest = value[:1], value[1:]
    if prefix == "8" and rpps_is_well_formed(rest):
        return "organisation_is_person"
    form = _OWN_NUMBER.get(prefix)
    if form is None:
        return "organisation_id_unknown_form"
    if form.fullmatch(rest) is None:
        return "organisation_id_malformed"
    return None if _key_is_valid(prefix, rest) else "organisation_key_wrong"


def _key_is_valid(prefix: str, number: str) -> bool:
    if prefix == "1":
        return finess_key_is_valid(number)
    if prefix == "2":
        return luhn_is_valid(number)
    return prefix != "3" or siret_key_is_valid(number)


def person_identifier_flaw(identifier: str) -> IdFlaw | None:
    """The flaw of `root^extension` as the identifier of a person, a system or a legal entity that
    answers for a document (SPEC b.3, b.4). Other roots name local people and systems: no flaw.
    """
    root, _, extension = identifier.partition("^")
    if root == PERSON_ROOT:
        return person_id_flaw(extension)
    return organisation_id_flaw(extension) if root == ORGANISATION_ROOT else None


def organisation_identifier_flaw(identifier: str) -> OrganisationIdFlaw | None:
    """The flaw of `root^extension` as the identifier of an organisation (SPEC b.2, b.3)."""
    root, _, extension = identifier.partition("^")
    if root == ORGANISATION_ROOT:
        return organisation_id_flaw(extension)
    if root == PERSON_ROOT:
        return "organisation_is_person"
    if root == SIREN_ROOT and siren_is_well_formed(extension):
        return None if luhn_is_valid(extension) else "organisation_key_wrong"
    return "organisation_id_unknown_form"
