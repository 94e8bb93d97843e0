"""Which faults, and how often: `0.01` for all together, `duplicate=0.01,corrupt=0.005`, or both.

The share of a named fault replaces its part of the share for all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

FAULTS: Final[Mapping[str, str]] = {
    "duplicate": "the same message once more, later",
    "reorder": "a replacement before its target, an operation before its deposit",
    "corrupt": "bytes cut off, flipped, too many, a negative branch, text that is no UTF-8",
    "oversize": "a document over the limit; every other one is refused by the publisher itself",
    "unknown_schema": "a fingerprint that no schema has",
    "wrong_key": "a record key that is not the INS of the message",
    "ins_key": "an INS whose check digits are wrong",
    "empty": "a record without a value",
    "conflict": "other content under a uniqueId already used",
    "unreferenced_software": "a software that the registry does not know, which must be in use"
    " (--reference); by its name only",
}
"""Every fault there is, in words."""

_OVERSIZE_PART: Final = 0.01
_BY_NAME: Final = frozenset({"unreferenced_software"})
"""Faults that only some systems answer as expected: a share for all leaves them out."""


class FaultError(ValueError):
    """The faults asked for can't be read; the sentence says why."""


@dataclass(frozen=True, slots=True)
class FaultRates:
    """Share of messages for each fault."""

    rates: Mapping[str, float]

    def __bool__(self) -> bool:
        return any(self.rates.values())


NO_FAULTS: Final = FaultRates({})


def parse_faults(text: str | None) -> FaultRates:
    """The rates that a text asks for. Raises FaultError.

    One number is spread evenly over all faults. `oversize` gets a hundredth of a part: each of its
    messages has 8 MiB and more. Faults that must be named get none.
    """
    if text is None or not text.strip():
        return NO_FAULTS
    rates: dict[str, float] = {}
    for item in sorted(text.split(","), key=lambda item: "=" in item):
        if "=" not in item:
            rates |= _of_all(_share("all faults", item))
            continue
        name, _, value = item.strip().partition("=")
        if name not in FAULTS:
            raise FaultError(f"no fault is called {name!r}: there are {', '.join(FAULTS)}")
        rates[name] = _share(name, value)
    if sum(rates.values()) > 1:
        raise FaultError("the shares of all faults together exceed 1")
    return FaultRates(rates)


def _of_all(share: float) -> dict[str, float]:
    names = [name for name in FAULTS if name not in _BY_NAME]
    part = share / (len(names) - 1 + _OVERSIZE_PART)
    return {name: part * (_OVERSIZE_PART if name == "oversize" else 1) for name in names}


def _share(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise FaultError(f"the share of {name} must be a number from 0 to 1")
    return value
