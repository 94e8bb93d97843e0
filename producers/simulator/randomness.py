"""Random numbers that are the same everywhere: a stream per purpose, all derived from a seed.

Only `random()` and `getrandbits` of Python's generator are used. Python promises to keep their
sequences between versions, and does not promise it for `choice`, `sample` or `shuffle`.
"""

from bisect import bisect
from collections.abc import Sequence
from hashlib import sha256
from itertools import accumulate
from random import Random
from typing import Final, TypeVar

T = TypeVar("T")


def stream(seed: int, *purpose: str | int) -> Random:
    """A generator of its own for this seed and purpose; the same on every machine."""
    text = "\x1f".join(map(str, (seed, *purpose)))
    return Random(int.from_bytes(sha256(text.encode()).digest()))


def pick(rng: Random, choices: Sequence[T]) -> T:
    """One of the choices, each as likely as the others."""
    return choices[int(rng.random() * len(choices))]


def between(rng: Random, low: float, high: float) -> float:
    """A number of [low, high)."""
    return low + (high - low) * rng.random()


def uuid_bytes(rng: Random) -> bytes:
    """The 16 bytes of a UUID of version 4 (RFC 9562)."""
    bits = rng.getrandbits(128)
    bits = bits & ~(0xF << 76) | (0x4 << 76)
    bits = bits & ~(0x3 << 62) | (0x2 << 62)
    return bits.to_bytes(16)


def uuid_oid(rng: Random) -> str:
    """An OID of our own without registration: `2.25.` and a UUID as a number (X.667)."""
    return f"2.25.{int.from_bytes(uuid_bytes(rng))}"


class Weighted:
    """A choice among numbers 0..n-1 by weight."""

    def __init__(self, weights: Sequence[float]) -> None:
        self._cumulative: Final = list(accumulate(weights))
        if not self._cumulative or self._cumulative[-1] <= 0:
            raise ValueError("weights must have a positive sum")
        self._sum: Final = self._cumulative[-1]

    def draw(self, rng: Random) -> int:
        """A number, as often as its weight says."""
        return bisect(self._cumulative, rng.random() * self._sum, 0, len(self._cumulative) - 1)


def zipf(count: int, exponent: float) -> Weighted:
    """Weights 1 / rank^exponent: a few patients have many documents, most have few."""
    return Weighted([1.0 / rank**exponent for rank in range(1, count + 1)])
