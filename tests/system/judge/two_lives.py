"""Evidence of a log that was made anew, cut or trimmed: judged as two logs, one after the other.

The records of the first life are those that were on the feed before; their partitions are numbered
from -1000 on, so that they come before those of the second and no place means two records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from tests.system.judge.evidence import Answered, Counted, Evidence, Fed, Letter, Place, Sent

FIRST: Final = -1000
Partition = tuple[str, int]


P = TypeVar("P", Fed, Sent, Answered, Letter)


def _in_first(place: Place) -> Place:
    return place._replace(partition=place.partition + FIRST)


def _moved(ones: Iterable[P]) -> list[P]:
    """All of them in the first life."""
    moved: list[P] = []
    for one in ones:
        place: Place | None = one.place
        moved.append(one if place is None else replace(one, place=_in_first(place)))
    return moved


def two_lives(before: Evidence, after: Evidence, resumed: Mapping[Partition, int]) -> Evidence:
    """`after` with what only `before` can tell. `resumed`: where reading went on, by partition;
    partitions that are not named had no second life.
    """

    def second(place: Place) -> bool:
        return place.offset >= resumed.get((place.topic, place.partition), 0)

    def in_second(one: P) -> bool:
        at: Place | None = one.place
        return at is not None and (at[:2] in resumed and second(at))

    whole = replace(after)
    letters = {letter.number for letter in before.letters}
    answered = set(before.answered)
    whole.sent = _moved(before.sent) + after.sent[len(before.sent) :]
    whole.fed = _moved(before.fed) + [fed for fed in after.fed if in_second(fed)]
    whole.answered = _moved(before.answered) + [a for a in after.answered if a not in answered]
    # A broker that was restored has lost these too; what was published once was published.
    whole.records = {**before.records, **after.records}
    whole.notified = before.notified + [n for n in after.notified if n not in before.notified]
    whole.letters = [
        letter if letter.number not in letters else _moved([letter])[0] for letter in after.letters
    ]
    whole.counted, whole.log_ends = {}, {}
    for (topic, number), end in before.log_ends.items():
        whole.log_ends[topic, number + FIRST] = end
    for (topic, number), row in before.counted.items():
        whole.counted[topic, number + FIRST] = row
    for partition, row in after.counted.items():
        if partition in resumed:
            whole.counted[partition] = _since(
                before.counted.get(partition), row, resumed[partition]
            )
            whole.log_ends[partition] = after.log_ends[partition]
    return whole


def _since(before: Counted | None, row: Counted, resumed: int) -> Counted:
    """What was counted in the second life."""
    if before is None:
        return row
    kinds = ("accepted", "duplicate", "unchanged", "rejected", "events")
    since = {kind: getattr(row, kind) - getattr(before, kind) for kind in kinds}
    return replace(row, first_offset=resumed, holes=0, **since)
