"""Bugs as careless changes would make them, and as what the checker must find each.

They stand here and not in the product: each replaces a function of it, in one process, from
outside. Where the product has two defences, a bug takes both away, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tests.system.bugs.bugs_of_ingestion import (
    contents_unwritten,
    copies_applied,
    deposits_repeated,
    erased_keys_cached,
    fence_forgotten,
    letters_forgotten,
    lock_forgotten,
    masks_lost_in_repetition,
    order_forgotten,
    outcomes_apart,
    outcomes_marked_first,
    place_unchecked,
    positions_first,
    rejected_passed_over,
    unknown_retried,
)
from tests.system.bugs.bugs_of_projections import (
    checkpoint_first,
    counted_twice,
    digits_sorted,
    flags_forgotten,
    links_move_documents,
    masks_for_one_reader,
    notified_at_each_show,
    notified_by_replay,
    notified_of_same_content,
    pages_skip,
    replaced_ones_kept,
)

REST, LINKS, REPLAYED = "rest", "links", "replayed"


@dataclass(frozen=True, slots=True)
class Bug:
    """`found`: invariant and kinds, one of which must be among the findings. `needs`: what must
    happen for it to show, a crash point (the process dies there, and is started again) or a
    circumstance. `way`: how the system is run.
    """

    plant: Callable[[], None]
    invariant: str
    kinds: frozenset[str]
    needs: str | None = None
    way: str = REST

    @property
    def name(self) -> str:
        """As it is planted."""
        return self.plant.__name__

    @property
    def story(self) -> str:
        """What it does, in a sentence."""
        return " ".join((self.plant.__doc__ or "").split())


def _bug(
    plant: Callable[[], None],
    invariant: str,
    *kinds: str,
    needs: str | None = None,
    way: str = REST,
) -> tuple[str, Bug]:
    return plant.__name__, Bug(plant, invariant, frozenset(kinds), needs, way)


BUGS: Final[Mapping[str, Bug]] = dict(
    (
        _bug(positions_first, "I6", "unexplained", needs="events_copied:3"),
        _bug(deposits_repeated, "I2", "doubled"),
        _bug(copies_applied, "I2", "doubled"),
        _bug(fence_forgotten, "I6", "uncounted", needs="a_zombie"),
        _bug(lock_forgotten, "I7", "shown", needs="an_analyst_writes"),
        _bug(unknown_retried, "I6", "uncounted", needs="a_commit_without_answer"),
        _bug(rejected_passed_over, "I6", "unexplained"),
        _bug(letters_forgotten, "I1", "lost"),
        _bug(outcomes_apart, "I6", "unexplained", needs="batch_committed:3"),
        _bug(outcomes_marked_first, "I6", "unexplained", needs="outcomes_published:1"),
        _bug(order_forgotten, "I5", "reordered"),
        _bug(masks_lost_in_repetition, "I1", "unexpected"),
        _bug(place_unchecked, "I1", "unexpected"),
        _bug(contents_unwritten, "I4", "lost"),
        _bug(erased_keys_cached, "I11", "erased", needs="an_erasure_midway"),
        _bug(checkpoint_first, "I7", "shown", needs="a_kill_among_documents"),
        _bug(pages_skip, "I7", "shown"),
        _bug(flags_forgotten, "I7", "flags"),
        _bug(masks_for_one_reader, "I7", "shown"),
        _bug(replaced_ones_kept, "I7", "shown"),
        _bug(digits_sorted, "I7", "reordered"),
        _bug(links_move_documents, "I7", "shown", way=LINKS),
        _bug(notified_at_each_show, "I2", "doubled"),
        _bug(notified_of_same_content, "I7", "notified"),
        _bug(notified_by_replay, "I2", "doubled", way=REPLAYED),
        _bug(counted_twice, "I6", "unbalanced"),
    )
)
