"""A batch is decided again until all that its decisions asked for was read (decision 0042)."""

from collections import Counter
from collections.abc import Callable, Sequence, Set
from typing import NamedTuple

from ingest.basis.basis import Basis
from ingest.facts.needs import Need
from ingest.read.arrivals import Arrival

from .assemble import Assembly, assemble


class Decided(NamedTuple):
    """A batch decided on what was read for it. `late_reads`: what was read late, by kind of need;
    empty: it was decided once.
    """

    assembly: Assembly
    late_reads: Counter[str]


def decide_batch(
    read: Callable[[Set[Need]], Basis],
    arrivals: Sequence[Arrival],
    dead_letters: Sequence[Arrival] = (),
) -> Decided:
    """These arrivals and dead letters decided. `read`: reads what they need, and this as well.

    What a decision asked for and nobody read is added, everything is read anew, and all is decided
    again, as after a lost race: nothing of what was read before counts.
    """
    late = set[Need]()
    while True:
        assembly = assemble(read(late), arrivals, dead_letters)
        if not assembly.missing:
            return Decided(assembly, Counter(need.kind for need in late))
        if assembly.missing <= late:
            kinds = ", ".join(sorted({need.kind for need in assembly.missing}))
            raise RuntimeError(f"read and not found in the view: {kinds}")
        late |= assembly.missing
