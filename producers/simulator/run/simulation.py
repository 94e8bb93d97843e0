"""A run of the simulator: ready-made batches handed to a publisher, or documents written as files.

Batches are encoded before they are sent, and their intents are on the ledger before that.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Final

from ingest.feed.types import Acknowledgement, Done, Publisher, PublishFailure
from ingest.runtime.folders import PRIVATE
from ingest.runtime.lifecycle import Clock, StopSignal
from producers.simulator.content.content import ContentWriter, suffix_of
from producers.simulator.content.messages import Message, MessageMaker
from producers.simulator.faults.injected import FaultInjector
from producers.simulator.faults.rates import FaultRates
from producers.simulator.plan.plan import Plan, Run

from .example import Example
from .ledger import Ledger
from .pacing import Batch, Pace
from .references import Reference

_FLUSH_SECONDS: Final = 60.0

Advance = Callable[[int], None]


@dataclass(slots=True)
class Summary:
    """What a run did. `seconds` from start to end; `sending` the part spent publishing.

    `behind`: by how many seconds the latest batch was handed over after it was due.
    `interrupted`: it was asked to stop. `example_ins`: `OID|MATRICULE` of a test person, one with
    several documents of this run if there is one.
    """

    sent: int = 0
    acknowledged: int = 0
    refused: int = 0
    unanswered: int = 0
    seconds: float = 0.0
    sending: float = 0.0
    behind: float = 0.0
    bytes: int = 0
    by_schema: Counter[str] = field(default_factory=Counter)
    by_fault: Counter[str] = field(default_factory=Counter)
    complete: bool = False
    interrupted: bool = False
    example_ins: str | None = None

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "sent": self.sent,
            "acknowledged": self.acknowledged,
            "refused": self.refused,
            "unanswered": self.unanswered,
            "complete": self.complete,
            "interrupted": self.interrupted,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "behind_seconds": round(self.behind, 3),
            "per_second": rate(self.sent, self.seconds),
            "per_second_while_sending": rate(self.sent, self.sending),
            "by_schema": dict(sorted(self.by_schema.items())),
            "by_fault": dict(sorted(self.by_fault.items())),
            "example_ins": self.example_ins,
        }


def rate(count: int, seconds: float) -> int:
    """So many a second, 0 for no time."""
    return round(count / seconds) if seconds > 0 else 0


def messages_of(run: Run, faults: FaultRates, *, content: bool) -> Iterator[Message]:
    """All messages of a run in order of sending, faults included."""
    maker = MessageMaker(run.seed, content=content)
    messages = maker.make_all(Plan(run))
    return FaultInjector(run.seed, faults, maker).inject(messages) if faults else messages


class Sender:
    """Hands messages to a publisher and counts what becomes of them."""

    def __init__(
        self, publisher: Publisher, clock: Clock, stop: StopSignal, ledger: Ledger | None = None
    ) -> None:
        self._publisher = publisher
        self._clock = clock
        self._stop = stop
        self._ledger = ledger
        self._lock = Lock()
        self._begun = 0.0
        self._example = Example()
        self.summary = Summary()

    def send_all(self, messages: Iterable[Message], pace: Pace, advance: Advance) -> Summary:
        """Send until the messages or the patience end (`stop`).

        Afterwards every message handed over is answered, or counted as `unanswered`.
        """
        begun = self._begun = self._clock.monotonic()
        try:
            for ready in pace.ready(messages):
                # Else the collector walks all that is ready again and again: half the speed.
                gc.freeze()
                self._send_ready(ready, advance)
                if self._stop.is_set():
                    break
        finally:
            gc.unfreeze()
        summary = self.summary
        sending = self._clock.monotonic()
        flushed = self._publisher.flush(_FLUSH_SECONDS)
        summary.sending += self._clock.monotonic() - sending
        summary.seconds = self._clock.monotonic() - begun
        with self._lock:
            summary.unanswered = summary.sent - summary.acknowledged - summary.refused
            summary.interrupted = self._stop.is_set()
            summary.complete = flushed and not summary.interrupted
        summary.example_ins = self._example.ins
        return summary

    def _send_ready(self, ready: list[Batch], advance: Advance) -> None:
        begun = self._clock.monotonic()
        for batch in ready:
            self._wait_until(batch.due)
            if self._stop.is_set():
                break
            self._hand_over(batch.messages)
            advance(len(batch.messages))
        self.summary.sending += self._clock.monotonic() - begun

    def _wait_until(self, due: float) -> None:
        if due <= 0:
            return
        early = self._begun + due - self._clock.monotonic()
        if early > 0:
            self._stop.wait(early)
        else:
            self.summary.behind = max(self.summary.behind, -early)

    def _hand_over(self, batch: list[Message]) -> None:
        first = self.summary.sent + 1
        if self._ledger is not None:
            for seq, message in enumerate(batch, first):
                self._ledger.intend(seq, message)
            self._ledger.flush()
        for seq, message in enumerate(batch, first):
            self._count(message)
            self._publisher.publish(message.record, self._answer(seq, message))

    def _count(self, message: Message) -> None:
        summary = self.summary
        summary.sent += 1
        summary.bytes += len(message.record.value)
        summary.by_schema[message.planned.schema] += 1
        if message.fault is not None:
            summary.by_fault[message.fault] += 1
        else:
            self._example.see(message)

    def _answer(
        self, seq: int, message: Message
    ) -> Callable[[Acknowledgement | PublishFailure], None]:
        def done(answer: Acknowledgement | PublishFailure) -> None:
            with self._lock:
                if isinstance(answer, Acknowledgement):
                    self.summary.acknowledged += 1
                else:
                    self.summary.refused += 1
            if self._ledger is not None:
                self._ledger.answer(seq, message, answer)

        return done


def publish_references(
    messages: Iterable[Reference], publisher: Publisher, ledger: Ledger | None
) -> tuple[int, int]:
    """All are on the topic `registry`: how many were acknowledged, of how many."""
    answers = Counter[bool]()
    sent = list(messages)

    def answer(seq: int, message: Reference) -> Done:
        def done(answer: Acknowledgement | PublishFailure) -> None:
            answers[isinstance(answer, Acknowledgement)] += 1
            if ledger is not None:
                ledger.answer(seq, message, answer)

        return done

    if ledger is not None:
        for seq, message in enumerate(sent, 1):
            ledger.intend(seq, message)
        ledger.flush()
    for seq, message in enumerate(sent, 1):
        publisher.publish(message.record, answer(seq, message))
    publisher.flush(_FLUSH_SECONDS)
    return answers[True], len(sent)


def write_documents(run: Run, folder: Path, advance: Advance, stop: StopSignal) -> int:
    """Write the documents of a run as files and publish nothing; how many were written.

    Names say number, sector's kind and version, and nothing of the patient. Only their owner can
    read them; a folder made here only he can enter. Asked to stop, it ends after a document.
    """
    folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    writer = ContentWriter(run.seed)
    written = 0
    for planned in Plan(run):
        if stop.is_set():
            break
        document = planned.document
        if planned.schema != "DepositDocument" or document is None:
            continue
        name = f"{document.number:07d}-{document.kind.name}-v{document.version}"
        path = folder / f"{name}.{suffix_of(document)}"
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_bytes(writer.write(document))
        written += 1
        advance(1)
    return written
