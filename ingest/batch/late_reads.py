"""A batch is decided again until all that its decisions asked for was read (decision 0042)."""

from collections import Counter
from collections.abc import Callable, Sequence, Set

from ingest.basis.basis import Basis
from ingest.facts.needs import Need
from ingest.read.arrivals import Arrival

from .assemble import Assembly, assemble


def decide_batch(
    read: Callable[[Set[Need]], Basis],
    arrivals: Sequence[Arrival],
    dead_letters: Sequence[Arrival] = (),
) -> Assembly:
    """These arrivals and dead letters decided. `read`: reads what they need, and this as well.

    What a decision asked for and nobody read is added, everything is read anew, and all is decided
    again, as after a lost race: nothing of what was read before counts.
    """
    late = set[Need]()
    while True:
        assembly = assemble(read(late), arrivals, dead_letters)
        if not assembly.missing:
            assembly.late_reads = Counter(need.kind for need in late)
            return assembly
        if assembly.missing <= late:
            kinds = ", ".join(sorted({need.kind for need in assembly.missing}))
            raise RuntimeError(f"read and not found in the view: {kinds}")
        late |= assembly.missing
