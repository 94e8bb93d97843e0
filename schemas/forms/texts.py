"""Forms of single fields: texts, identifiers, languages. Values that recur are remembered."""

import re
from functools import lru_cache
from typing import Final

from .identity import MATRICULE_LIKE

ID_LENGTH_MAX: Final = 128
NAME_LENGTH_MAX: Final = 256
TITLE_LENGTH_MAX: Final = 512
TEXT_LENGTH_MAX: Final = 4096

# Text may have line ends, tabs and no-break spaces, but no other controls, no lone surrogates.
_CONTROL: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]"
)
_OID: Final = r"[0-2](?:\.(?:0|[1-9][0-9]*))+"
_UUID: Final = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_IDENTIFIER: Final = re.compile(rf"(?:{_OID}|{_UUID})(?:\^[^\s^][^^\x00-\x1f\x7f]*)?")
_SOFTWARE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/+@-]{0,127}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}-[A-Z]{2}|art")


def text_is_fit(text: str, length_max: int) -> bool:
    """True for 1 to `length_max` characters, not all white, without control characters."""
    if not 0 < len(text) <= length_max or text.isspace():
        return False
    return text.isprintable() or _CONTROL.search(text) is None


def optional_text_is_fit(text: str | None, length_max: int) -> bool:
    """Like `text_is_fit`, and True for None and the empty text."""
    return not text or text_is_fit(text, length_max)


def texts_are_fit(*texts: str | None) -> bool:
    """True: each of these passes `optional_text_is_fit` with the length of a name.

    All are looked at together, for speed. False tells nothing: the caller looks at each.
    """
    together = "|".join(filter(None, texts))
    return (
        len(together) <= NAME_LENGTH_MAX
        and together.isprintable()
        # The plain space is the only printable one: a white text begins with it.
        and "| " not in together
        and together[:1] != " "
    )


@lru_cache(maxsize=65_536)
def _identifier_is_fit(text: str) -> bool:
    return _IDENTIFIER.fullmatch(text) is not None


def identifier_is_fit(text: str) -> bool:
    """True for `root` or `root^extension` of 128 characters at most; the root is an OID or a UUID
    (SPEC b).
    """
    # The length first: the memory of the cache is bounded by it.
    return len(text) <= ID_LENGTH_MAX and _identifier_is_fit(text)


@lru_cache(maxsize=4096)
def _software_id_is_fit(text: str) -> bool:
    return _SOFTWARE.fullmatch(text) is not None and MATRICULE_LIKE.search(text) is None


def software_id_is_fit(text: str) -> bool:
    """True for a short plain identifier that holds nothing like a matricule.

    Outcomes and logs carry the identifier of a software in clear (decision 0038).
    """
    return len(text) <= ID_LENGTH_MAX and _software_id_is_fit(text)


def language_is_fit(text: str) -> bool:
    """True for `xx-XX`, and for `art`, the language of signatures (SPEC c.1)."""
    return text == "fr-FR" or (len(text) <= 6 and _LANGUAGE.fullmatch(text) is not None)
