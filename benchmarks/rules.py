"""R: what the rules of one message cost, beside reading it (decode); part by part.

Every run takes messages that were not looked at before, so that what is remembered is what the
path would remember: the same few authors, codes and organisations, never a whole message.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple

from benchmarks.workers.fill import simulated
from ingest.feed import FeedRecord, Partition, partition_of
from ingest.read.interpret import hard_rules, interpret, soft_rules
from ingest.read.site import Context
from schemas.codec.messages import CONTENT_BYTES_MAX, Decoded, decode
from schemas.feed.messages import FEED_TOPICS, TOPIC_OF
from schemas.forms.feed_keys import feed_key
from schemas.forms.identity import accepted_oids
from schemas.rules.of_messages import RULES_OF, SOFT_GROUPS_OF
from schemas.rules.soft_groups import not_known
from schemas.rules.table.rejections import Rejection

from .cpu import Meter
from .harness import Benchmark, BenchmarkError, Ratio, Run, Variant, run_between

AIM_MICROSECONDS: Final = 25
MESSAGES: Final = 6000
"""Of one run; as many make the rules warm before the first."""
FEW: Final = 50
"""Read at a time."""
SEED: Final = 11
WORTH_TELLING: Final = 0.1
"""Microseconds a message; below it is the timing itself."""
PARTITIONS: Final = 24
PASSES: Final = 3
"""Over the same messages, for the figure of a part: the shortest counts."""


class Message(NamedTuple):
    """A message of the feed with all that a rule may be asked about."""

    record: FeedRecord
    partition: Partition
    decoded: Decoded
    key: str


Work = Callable[[Message], object]
Part = Callable[[Decoded], object]
Look = Callable[[Mapping[str, Any]], object]
Parts = Mapping[str, Part]


class RulesOfMessages:
    """Measures on the simulator's mix. `runs`: how many will be asked for, of so many messages."""

    def __init__(self, runs: int, messages: int = MESSAGES) -> None:
        self._messages = messages
        self.context = Context(
            accepted_oids("test"), dict.fromkeys(FEED_TOPICS, PARTITIONS), CONTENT_BYTES_MAX
        )
        source = simulated(SEED, (runs + 1) * messages, content=False)
        self._records: Iterator[FeedRecord] = (
            FeedRecord(offset, -1, 0, m.record.key, m.record.value, m.record.headers)
            for offset, m in enumerate(source)
        )
        for message in self._fresh(messages):
            found = interpret(message.record, message.partition, self.context)
            if hasattr(found, "rejection"):
                raise BenchmarkError(f"a simulated message is refused: {found.rejection.code}")

    def decode(self, message: Message) -> object:
        """Read the bytes: what the rules are compared with."""
        return decode(message.record.value)

    def hard(self, message: Message) -> object:
        """The rules that always refuse."""
        return hard_rules(*message, self.context)

    def soft(self, message: Message) -> object:
        """The rules that may warn."""
        name, datum = message.decoded.name, message.decoded.datum
        return soft_rules(name, datum, self.context.severities, [])

    def all_rules(self, message: Message) -> object:
        """Every rule that needs no store."""
        return self.hard(message) or self.soft(message)

    def measure(self, work: Work, parts: Parts) -> Run:
        """`work` on every message of a run, with the collector off, as ingestion has it.

        Messages are read a few at a time and judged at once, as on the path: a message that was
        read long ago has left the processor's caches.
        """
        meter = Meter({"python": [os.getpid()]})
        seconds, batches = 0.0, list[float]()
        said = dict.fromkeys(parts, 0.0)
        gc.disable()
        try:
            begin = meter.mark()
            for _ in range(self._messages // FEW):
                messages = self._fresh(FEW)
                at, used = time.perf_counter(), time.thread_time()
                for message in messages:
                    work(message)
                batches.append(time.thread_time() - used)
                seconds += time.perf_counter() - at
                for name, rule in parts.items():
                    said[name] += _spent(rule, [m.decoded for m in messages])
            other = run_between(begin, meter.mark(), self._messages).other
        finally:
            gc.enable()
        spent = sum(batches)
        micros = 1e6 / self._messages
        facts = {
            "µs a message": round(spent * micros, 2),
            "µs when undisturbed": _undisturbed(batches),
        }
        dear = {name: round(part * micros, 2) for name, part in sorted(said.items(), key=_dearest)}
        facts |= {name: figure for name, figure in dear.items() if figure >= WORTH_TELLING}
        return Run(self._messages, seconds, {"python": spent}, other, facts=facts)

    def _fresh(self, count: int) -> list[Message]:
        found = [_message(record) for record in islice(self._records, count)]
        if len(found) < count:
            raise BenchmarkError("the simulator made too few messages")
        return found


def _message(record: FeedRecord) -> Message:
    decoded = decode(record.value)
    if isinstance(decoded, Rejection):
        raise BenchmarkError(f"a simulated message cannot be read: {decoded.code}")
    assert record.key is not None, "the simulator gives every message its key"
    partition = Partition(TOPIC_OF[decoded.name], partition_of(record.key, PARTITIONS))
    return Message(record, partition, decoded, feed_key(decoded.datum))


def _spent(rule: Part, read: Sequence[Decoded]) -> float:
    """Seconds the rule takes for these, the shortest of some passes."""
    shortest = float("inf")
    for _ in range(PASSES):
        begin = time.thread_time()
        for decoded in read:
            rule(decoded)
        shortest = min(shortest, time.thread_time() - begin)
    return shortest


def _undisturbed(batches: Sequence[float]) -> float:
    """Microseconds a message in the quickest tenth of the batches: others share the processor's
    caches and pipes, and that shows in every batch but these.
    """
    quick = sorted(batches)[: max(1, len(batches) // 10)]
    return round(sum(quick) / (len(quick) * FEW) * 1e6, 2)


def _dearest(part: tuple[str, float]) -> float:
    return -part[1]


def hard_parts() -> dict[str, Part]:
    """The rules on the fields of each kind of message, apart."""
    return {name: partial(_of_kinds, frozenset({name}), rule) for name, rule in RULES_OF.items()}


def soft_parts() -> dict[str, Part]:
    """The look at each group of soft rules, and every rule of those that have none."""
    kinds: dict[Look, set[str]] = {}
    for name, groups in SOFT_GROUPS_OF.items():
        for group in groups:
            for look in group.rules if group.all_kept is not_known else (group.all_kept,):
                kinds.setdefault(look, set()).add(name)
    return {
        getattr(look, "__name__", repr(look)): partial(_of_kinds, frozenset(names), look)
        for look, names in kinds.items()
    }


def _of_kinds(names: frozenset[str], look: Look, decoded: Decoded) -> object:
    return decoded.name in names and look(decoded.datum)


def benchmark_rules(rounds: int) -> Benchmark:
    """Rules beside decode, then hard and soft rules apart. Needs no server."""
    on = RulesOfMessages(rounds * 4)
    return Benchmark(
        "r",
        "the rules of one message",
        "messages",
        [
            Variant("decode", "bytes to values", lambda: on.measure(on.decode, {})),
            Variant("rules", "all that need no store", lambda: on.measure(on.all_rules, {})),
            Variant("hard", "always refuse", lambda: on.measure(on.hard, hard_parts())),
            Variant("soft", "may warn", lambda: on.measure(on.soft, soft_parts())),
        ],
        [Ratio("rules", "decode")],
        [
            f"The rules of one message are to take under {AIM_MICROSECONDS} µs on average. Messages"
            " carry no bytes: hashing and reading a document costs what its size asks for (A2).",
        ],
    )
