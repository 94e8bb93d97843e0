"""Faults put into a stream of messages on purpose, each with the outcome that is right for it.

A message gets one fault at most. A fault that destroys a message is put only into a deposit that
nothing follows: the right outcome of every other message stays known.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any, Final

from producers.simulator.content.messages import Message, MessageMaker, message_of
from producers.simulator.faults import spoiled
from producers.simulator.faults.changed import (
    needed_document,
    other_key,
    sent_again,
    too_early,
    with_record,
)
from producers.simulator.faults.rates import FaultRates
from producers.simulator.plan.choices import LIFE_CYCLE_SHARE
from producers.simulator.plan.planned import ACCEPTED, Expected, rejected
from producers.simulator.randomness import Weighted, stream, uuid_bytes
from schemas.codec.messages import CONTENT_BYTES_MAX

REFUSED: Final[Expected] = (("REFUSED", "too_large"),)
"""No status of an outcome: the publisher refuses the feed record, and nothing is on the feed."""
_DELAY: Final = 50
_ROOM: Final = 1024 * 1024
"""Bytes that settings leave for all that is not content; the publisher refuses more."""
_DESTRUCTIVE: Final = frozenset(
    {
        "corrupt",
        "oversize",
        "unknown_schema",
        "wrong_key",
        "ins_key",
        "empty",
        "unreferenced_software",
    }
)


class FaultInjector:
    """Puts faults into a stream; the same faults for the same seed and stream."""

    def __init__(self, seed: int, rates: FaultRates, maker: MessageMaker) -> None:
        self._rng = stream(seed, "faults")
        self._maker = maker
        self._names = [name for name, rate in rates.rates.items() if rate and name != "reorder"]
        self._share = sum(rates.rates[name] for name in self._names)
        self._drawn = Weighted([rates.rates[name] for name in self._names]) if self._names else None
        self._reorder = min(1.0, rates.rates.get("reorder", 0.0) / LIFE_CYCLE_SHARE)
        self._held: dict[str, Message] = {}
        self._late: list[tuple[int, int, Message]] = []
        self._serial = count()
        self._oversize = count()

    def inject(self, messages: Iterable[Message]) -> Iterator[Message]:
        """The stream with its faults."""
        for place, message in enumerate(messages):
            while self._late and self._late[0][0] <= place:
                yield heappop(self._late)[2]
            yield from self._one(place, message)
        while self._late:
            yield heappop(self._late)[2]
        yield from self._held.values()

    def _one(self, place: int, message: Message) -> Iterator[Message]:
        needed = needed_document(message)
        held = self._held.pop(needed, None) if needed is not None else None
        if held is not None:
            yield too_early(message)
            yield held
        elif self._is_held(message):
            return
        else:
            yield from self._faulty(place, message)

    def _is_held(self, message: Message) -> bool:
        """Whether a first version waits until a message that follows it was sent."""
        planned = message.planned
        first = planned.document is not None and planned.document.replaces is None
        if not (planned.followed and first and planned.schema == "DepositDocument"):
            return False
        if planned.expected != ACCEPTED or self._rng.random() >= self._reorder:
            return False
        if message.uid is not None:
            self._held[message.uid] = replace(message, fault="reorder")
        return True

    def _faulty(self, place: int, message: Message) -> Iterator[Message]:
        if self._drawn is None or self._rng.random() >= self._share:
            yield message
            return
        fault = self._names[self._drawn.draw(self._rng)]
        planned = message.planned
        is_deposit = planned.schema == "DepositDocument"
        if fault in _DESTRUCTIVE and is_deposit and not planned.followed:
            yield self._destroyed(fault, message)
            return
        yield message
        if fault == "duplicate":
            self._later(place, sent_again(message))
        elif fault == "conflict" and is_deposit and planned.expected == ACCEPTED:
            self._later(place, self._conflicting(message))

    def _later(self, place: int, message: Message) -> None:
        due = place + 1 + int(self._rng.random() * _DELAY)
        heappush(self._late, (due, next(self._serial), message))

    def _destroyed(self, fault: str, message: Message) -> Message:
        if fault == "oversize":
            return self._too_large(message)
        if fault == "ins_key":
            return self._with_datum(message, fault, spoiled.wrong_check_digits)
        if fault == "unreferenced_software":
            return self._with_datum(message, fault, spoiled.another_software)
        if fault == "wrong_key":
            return with_record(message, fault, rejected("key_mismatch"), key=other_key(message))
        if fault == "empty":
            return with_record(message, fault, rejected("value_empty"), value=b"")
        if fault == "unknown_schema":
            value = spoiled.unknown_fingerprint(message.record.value, self._rng)
            return with_record(message, fault, rejected("schema_unknown"), value=value)
        value, codes, name = spoiled.corrupt(message.record.value, self._rng)
        return with_record(message, f"corrupt:{name}", rejected(*codes), value=value)

    def _too_large(self, message: Message) -> Message:
        """Over the limit of ingestion, or also over that of the publisher."""
        refused = next(self._oversize) % 2 == 1
        size = CONTENT_BYTES_MAX + 1 + (_ROOM if refused else 0)

        def enlarged(datum: dict[str, Any], rng: Random) -> Expected:
            datum["content"] = bytes(size)
            datum["document"] = {**datum["document"], "size": size}
            return REFUSED if refused else rejected("too_large")

        fault = "oversize_refused" if refused else "oversize"
        return self._with_datum(message, fault, enlarged)

    def _conflicting(self, message: Message) -> Message:
        """A new message with other content under the same uniqueId."""
        planned = replace(message.planned, message_id=uuid_bytes(self._rng), followed=False)

        def other(datum: dict[str, Any], rng: Random) -> Expected:
            spoiled.other_content(datum, rng)
            return rejected("unique_id_conflict")

        return self._with_datum(replace(message, planned=planned), "conflict", other)

    def _with_datum(
        self, message: Message, fault: str, change: Callable[[dict[str, Any], Random], Expected]
    ) -> Message:
        planned = message.planned
        datum = self._maker.datum(planned)
        expected = change(datum, self._rng)
        made = message_of(planned, datum)
        return replace(made, expected=expected, fault=fault)
