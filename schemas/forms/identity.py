"""INS: the national identity of a patient, a matricule and the OID of the register that gave it.

Rules: SPEC a.1 and a.2, TRAP 1 to TRAP 4. A matricule is text for ever, with Corsican letters and
leading zeros, and identifies nobody without its OID. Sex, birth date and birthplace are never read
from a matricule.
"""

import re
from typing import Final, Literal

Environment = Literal["test", "demo", "production"]
InsFlaw = Literal["shape", "oid", "form", "key"]

INS_NIR: Final = "1.2.250.1.213.1.4.8"
INS_NIA: Final = "1.2.250.1.213.1.4.9"
INS_NIR_TEST: Final = "1.2.250.1.213.1.4.10"
INS_NIR_DEMO: Final = "1.2.250.1.213.1.4.11"
INS_OIDS: Final = frozenset({INS_NIR, INS_NIA, INS_NIR_TEST, INS_NIR_DEMO})
RETIRED_INS_OIDS: Final = frozenset(
    {"1.2.250.1.213.1.4.1", "1.2.250.1.213.1.4.2", "1.2.250.1.213.1.4.6"}
)

_NATIONAL_ARC: Final = "1.2.250.1.213.1.4."
"""Under which France names patients: INS, its retired kinds, numbers of social security."""

_ACCEPTED: Final[dict[Environment, frozenset[str]]] = {
    "test": frozenset({INS_NIR_TEST}),
    "demo": frozenset({INS_NIR_DEMO}),
    "production": frozenset({INS_NIR, INS_NIA}),
}
# Loose on purpose: first digits 3, 4, 7, 8 and pseudo months are real (SPEC a.1).
_MATRICULE: Final = re.compile(
    r"[1-478][0-9]{2}(?:0[1-9]|1[0-2]|[2-9][0-9])(?:[0-9]{2}|2[AB])[0-9]{8}"
)
MATRICULE_LIKE: Final = re.compile(
    r"(?<!\d)[1-478][ .-]?\d\d[ .-]?\d\d[ .-]?(?:\d\d|2[AB])"
    r"[ .-]?\d{3}[ .-]?\d{3}(?:[ .-]?\d\d)?(?!\d)"
    r"|(?<!\d)\d{6}[0-9AB]\d{8}(?!\d)",
    re.IGNORECASE,
)
"""Characters inside a text that may be a matricule: 15, or 13 without the key, grouped or not."""
_FIRST13: Final = re.compile(r"[0-9]{5}(?:[0-9]{2}|2[AB])[0-9]{6}")

_SENTENCES: Final[dict[InsFlaw, str]] = {
    "shape": "An INS is written OID|MATRICULE, with one vertical bar.",
    "oid": "The OID of the INS is none of INS-NIR, INS-NIA, INS-NIR-TEST and INS-NIR-DEMO.",
    "form": "The matricule is not 15 characters in the form of a NIR or NIA.",
    "key": "The key (two last digits) of the matricule does not fit its 13 first characters.",
}


class InsError(ValueError):
    """A text is no INS. `flaw`: the rule that it breaks. The sentence never repeats the text."""

    def __init__(self, flaw: InsFlaw) -> None:
        super().__init__(_SENTENCES[flaw])
        self.flaw: Final[InsFlaw] = flaw


def accepted_oids(environment: Environment) -> frozenset[str]:
    """The OIDs whose matricules this environment accepts. It rejects all others (TRAP 3)."""
    return _ACCEPTED[environment]


def matricule_key(first13: str) -> str:
    """The key of these 13 characters: two digits, `01` to `97`.

    Raises InsError for other texts than 13 digits, with `2A` or `2B` allowed as the department.
    """
    if _FIRST13.fullmatch(first13) is None:
        raise InsError("form")
    return f"{_key_number(first13):02d}"


def _key_number(first13: str) -> int:
    """97 - (N mod 97). In N the department 2A counts as 19, and 2B as 18."""
    letter = first13[6]
    if letter == "A":
        first13 = first13[:5] + "19" + first13[7:]
    elif letter == "B":
        first13 = first13[:5] + "18" + first13[7:]
    return 97 - int(first13) % 97


def is_local(identifier: str) -> bool:
    """Whether `root^extension` can be an identifier that an establishment gave its patient: neither
    an INS, nor a retired one, nor a number of social security, whose key tells it under any root
    (SPEC a.2, a.5).
    """
    root, _, extension = identifier.partition("^")
    national = f"{root}.".startswith(_NATIONAL_ARC)
    return not national and not key_is_valid(re.sub(r"[ .-]", "", extension).upper())


def is_well_formed(matricule: str) -> bool:
    """True when the text has the length and form of a matricule. The key is not looked at."""
    return _MATRICULE.fullmatch(matricule) is not None


def key_is_valid(matricule: str) -> bool:
    """True when the matricule is well formed and its key is right."""
    return _MATRICULE.fullmatch(matricule) is not None and _key_number(matricule[:13]) == int(
        matricule[13:]
    )


def ins_key(oid: str, matricule: str) -> str:
    """`oid|matricule`, the key of messages of the feed (decision 0002)."""
    return f"{oid}|{matricule}"


def parse_ins(text: str) -> tuple[str, str]:
    """OID and matricule of a text `oid|matricule` with a known OID and the right form and key.

    Raises InsError for any other text. `accepted_oids`: the OIDs that an environment accepts.
    """
    oid, bar, matricule = text.partition("|")
    if not bar or "|" in matricule:
        raise InsError("shape")
    if oid not in INS_OIDS:
        raise InsError("oid")
    if _MATRICULE.fullmatch(matricule) is None:
        raise InsError("form")
    if _key_number(matricule[:13]) != int(matricule[13:]):
        raise InsError("key")
    return oid, matricule
