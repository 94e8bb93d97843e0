"""Stops a feed that turns into dead letters: a bad deploy must not be swallowed (decision 0021)."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Final

from ingest.batch.outcomes import rejected_arrivals
from ingest.read.arrivals import Arrival

EXAMPLES: Final = 5


class TooManyRejections(Exception):
    """The share of rejections is over the limit; nothing of this batch was committed.

    `codes`: how many of this batch, by code. `examples`: places of the first of them. The batch is
    not among the dead letters: these places are all that a person has to look for the cause.
    """

    def __init__(
        self, rejected: int, window: int, codes: Mapping[str, int], examples: Sequence[str]
    ) -> None:
        counted = ", ".join(f"{code} {count}" for code, count in codes.items())
        super().__init__(
            f"{rejected} of the last {window} messages would be rejected; in this batch: {counted};"
            f" for example {', '.join(examples)}"
        )
        self.rejected = rejected
        self.window = window
        self.codes = dict(codes)
        self.examples = list(examples)


class RejectionLimit:
    """Counts rejections over the last `window` messages; `accepted`: how many are let through.

    `check` looks at a decided batch and changes nothing, since the batch may be decided again;
    `count` counts the batch once it is committed.
    """

    def __init__(self, window: int, share: float, accepted: int = 0) -> None:
        self._limit = window * share
        self._window = window
        self._recent: deque[bool] = deque(maxlen=window)
        self._accepted = accepted

    def check(self, arrivals: Sequence[Arrival]) -> None:
        """Raises TooManyRejections when at any point of the batch the limit would be passed."""
        most = sum(self._recent) + len(rejected_arrivals(arrivals))
        if most <= self._limit:
            return
        recent = deque(self._recent, maxlen=self._window)
        rejected, accepted = sum(recent), self._accepted
        for arrival in arrivals:
            is_rejected = arrival.rejection is not None
            if is_rejected and accepted > 0:
                accepted -= 1
                is_rejected = False
            if len(recent) == self._window:
                rejected -= recent[0]
            recent.append(is_rejected)
            rejected += is_rejected
            if rejected > self._limit:
                raise TooManyRejections(rejected, self._window, *_described(arrivals))

    def count(self, arrivals: Sequence[Arrival]) -> None:
        """These messages are committed."""
        for arrival in arrivals:
            is_rejected = arrival.rejection is not None
            if is_rejected and self._accepted > 0:
                self._accepted -= 1
                is_rejected = False
            self._recent.append(is_rejected)


def _described(arrivals: Sequence[Arrival]) -> tuple[dict[str, int], list[str]]:
    """How many by code, the most frequent first; places, those of different codes first."""
    codes = Counter[str]()
    first, others = list[str](), list[str]()
    for arrival in arrivals:
        if arrival.rejection is None:
            continue
        code, at = arrival.rejection.code, arrival.partition
        place = f"{at.topic}/{at.number} offset {arrival.feed_record.offset} ({code})"
        (others if codes[code] else first).append(place)
        codes[code] += 1
    return dict(codes.most_common()), [*first, *others][:EXAMPLES]
