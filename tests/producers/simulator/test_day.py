"""A simulated day: how many messages come when, and that they are handed over at their moments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.feed import Acknowledgement, Done, OutgoingRecord, Partition
from ingest.runtime.lifecycle import StopSignal
from producers.simulator.content.messages import Message
from producers.simulator.faults.rates import parse_faults
from producers.simulator.plan.plan import Plan, Run
from producers.simulator.plan.sending_times import NationalDay
from producers.simulator.run.pacing import AsPlanned, FullSpeed, Pace, Portion, Steady
from producers.simulator.run.run_messages import messages_of
from producers.simulator.run.sender import Sender
from producers.simulator.tables.sectors import all_sectors, read_sector

DAY = NationalDay()
HOUR = 3600


def run_of_day(documents: int = 3000) -> Run:
    sectors = tuple(map(read_sector, all_sectors()))
    return Run(4, sectors, 1000, documents, calendar=DAY, settled=True)


def hour_of(at: int) -> int:
    return (at - DAY.start) // HOUR


def test_the_day_has_the_national_mean_and_the_peak_to_design_for() -> None:
    assert DAY.end - DAY.start == 24 * HOUR
    assert max(DAY.per_second) == 320
    others = [rate for rate in DAY.per_second if rate < 320]
    assert len(others) == 23
    assert sum(others) / 23 == pytest.approx(300e6 / 365 / 86400, rel=0.01)
    assert DAY.messages == pytest.approx(sum(DAY.per_second) * HOUR)


def test_messages_come_in_the_shape_of_the_day() -> None:
    messages = [m for m in Plan(run_of_day()) if m.schema == "DepositDocument"]
    assert len(messages) == 3000
    assert all(DAY.start <= m.sent <= DAY.end for m in messages)
    hours = Counter(hour_of(m.sent) for m in messages)
    peak = DAY.per_second.index(320)
    assert hours[peak] / 3000 == pytest.approx(320 * HOUR / DAY.messages, abs=0.03)
    assert hours[3] < hours[15]


def test_what_follows_a_document_comes_the_same_day_after_it() -> None:
    messages = list(Plan(run_of_day()))
    assert [m.sent for m in messages] == sorted(m.sent for m in messages)
    seen: dict[str, int] = {}
    late = Counter[str]()
    for message in messages:
        document = message.document
        if document is None:
            continue
        if message.schema == "DepositDocument":
            seen[document.uid] = message.sent
            assert document.created <= document.signed <= message.sent
            assert document.replaces is None or document.replaces in seen
        else:
            assert message.sent >= seen[document.uid]
            late[message.schema] += message.sent > seen[document.uid]
    assert late["ChangeVisibility"]
    assert late["DeleteDocument"]
    assert sum(m.document is None for m in messages) < 300


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 10**7), st.integers(0, 10**7))
def test_moments_of_the_day_keep_their_order(
    one: float, other: float, soon: int, late: int
) -> None:
    first, second = sorted((one, other))
    at = DAY.at(first, 1)
    assert DAY.start <= at <= DAY.at(second, 1) <= DAY.end
    soon, late = sorted((soon, late))
    assert at <= DAY.after(at, soon) <= DAY.after(at, late) <= DAY.end


class Stopwatch:
    """Time that passes only while somebody waits: no test here sleeps."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> float:
        return self.seconds


class Waiting(StopSignal):
    """A stop signal nobody gives; to wait for it moves the stopwatch."""

    def __init__(self, clock: Stopwatch) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout_seconds: float) -> bool:
        self._clock.seconds += timeout_seconds
        return False


class Recorder:
    """A publisher that notes when it got what."""

    def __init__(self, clock: Stopwatch) -> None:
        self._clock = clock
        self.got: list[float] = []

    def publish(self, record: OutgoingRecord, done: Done) -> None:
        self.got.append(self._clock.seconds - 100.0)
        done(Acknowledgement(Partition(record.topic, 0), len(self.got) - 1, 0))

    def publish_many(self, records: Sequence[OutgoingRecord], done: Done) -> None:
        for record in records:
            self.publish(record, done)

    def flush(self, timeout_seconds: float) -> bool:
        return True

    def unacknowledged(self) -> int:
        return 0

    def close(self, timeout_seconds: float = 10.0) -> None:
        return None


def messages(faults: str | None = None) -> list[Message]:
    return list(messages_of(run_of_day(600), parse_faults(faults), content=False))


@pytest.mark.parametrize("speed", [1.0, 60.0, 86400.0])
def test_each_message_is_handed_over_at_its_moment(speed: float) -> None:
    clock = Stopwatch()
    publisher = Recorder(clock)
    sent = messages()
    sender = Sender(publisher, clock, Waiting(clock))
    summary = sender.send_all(sent, AsPlanned(DAY.start, speed), lambda count: None)
    assert summary.complete
    assert summary.acknowledged == len(sent) == len(publisher.got)
    assert summary.behind == pytest.approx(0, abs=1e-6)
    for message, at in zip(sent, publisher.got, strict=True):
        due = (message.planned.sent - DAY.start) / speed
        assert due - 0.1 - 1e-6 <= at <= due + 1 / speed + 1e-6


def batches(pace: Pace, source: list[Message]) -> list[Portion]:
    return list(chain.from_iterable(pace.ready(source)))


@pytest.mark.parametrize("pace", [FullSpeed(), Steady(250.0), AsPlanned(DAY.start, 3600.0)])
def test_a_pace_keeps_all_messages_and_their_order(pace: Pace) -> None:
    source = messages("0.2")
    cut = batches(pace, source)
    assert [m for batch in cut for m in batch.messages] == source
    assert all(0 < len(batch.messages) <= 500 for batch in cut)
    assert [batch.due for batch in cut] == sorted(batch.due for batch in cut)


def test_a_steady_rate_is_kept() -> None:
    cut = batches(Steady(250.0), messages())
    assert {len(batch.messages) for batch in cut[:-1]} == {25}
    assert [batch.due for batch in cut[:4]] == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_how_far_a_run_is_behind_is_told() -> None:
    clock = Stopwatch()
    publisher = Recorder(clock)

    class Slow(Recorder):
        def publish(self, record: OutgoingRecord, done: Done) -> None:
            clock.seconds += 0.02
            super().publish(record, done)

    publisher = Slow(clock)
    sender = Sender(publisher, clock, Waiting(clock))
    summary = sender.send_all(messages()[:200], Steady(100.0), lambda count: None)
    assert summary.behind == pytest.approx(190 * 0.01, abs=0.02)
    assert summary.as_json()["behind_seconds"] == round(summary.behind, 3)
