"""Batches for B: the events of simulated deposits and 5 % operations on earlier ones.

Both loops of B write the same states, in the same batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from struct import Struct
from typing import Final

SIZE: Final = Struct("!I")
OPERATIONS: Final = 0.05


@dataclass(frozen=True, slots=True)
class PlainEvent:
    """An event to write, without any of the store's ideas. `base` 0: the stream is new."""

    stream: bytes
    base: int
    person: int
    message_id: bytes
    state: bytes


def write_states(path: Path, states: Iterator[bytes]) -> int:
    """The states of a file, in order; how many."""
    count = 0
    with path.open("wb") as file:
        for state in states:
            file.write(SIZE.pack(len(state)) + state)
            count += 1
    return count


def read_states(path: Path) -> list[bytes]:
    """What `write_states` wrote."""
    data, at, states = path.read_bytes(), 0, []
    while at < len(data):
        (size,) = SIZE.unpack_from(data, at)
        at += SIZE.size
        states.append(data[at : at + size])
        at += size
    return states


def event_batches(
    states: list[bytes], seed: int, count: int, batch: int, people: int
) -> list[list[PlainEvent]]:
    """The same batches for the same seed: random stream ids, states in turn."""
    rng = Random(seed)
    heads: list[tuple[bytes, int]] = []
    versions: dict[bytes, int] = {}
    found = []
    for start in range(0, count, batch):
        events = []
        touched: set[bytes] = set()
        for number in range(start, min(start + batch, count)):
            stream, person, base = rng.randbytes(16), rng.randrange(people), 0
            if heads and rng.random() < OPERATIONS:
                old = heads[rng.randrange(len(heads))]
                if old[0] not in touched:
                    stream, person = old
                    base = versions[stream]
            touched.add(stream)
            versions[stream] = base + 1
            message_id = rng.randbytes(16)
            events.append(
                PlainEvent(stream, base, person, message_id, states[number % len(states)])
            )
        heads.extend((event.stream, event.person) for event in events if event.base == 0)
        found.append(events)
    return found
