"""All messages of a run, faults included."""

from __future__ import annotations

from collections.abc import Iterator

from producers.simulator.content.messages import Message, MessageMaker
from producers.simulator.faults.injector import FaultInjector
from producers.simulator.faults.rates import FaultRates
from producers.simulator.plan.plan import Plan, Run


def messages_of(run: Run, faults: FaultRates, *, content: bool) -> Iterator[Message]:
    """All messages of a run in order of sending, faults included."""
    maker = MessageMaker(run.seed, content=content)
    messages = maker.make_all(Plan(run))
    return FaultInjector(run.seed, faults, maker).inject(messages) if faults else messages
