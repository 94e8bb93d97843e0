"""The figures of a benchmark are only as good as its bookkeeping."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmarks.cpu import Mark, Meter
from benchmarks.harness import (
    Benchmark,
    BenchmarkError,
    Ratio,
    Run,
    Variant,
    run_between,
    run_rounds,
)

BURN = """
import os, sys, time
def burn():
    end = time.process_time() + 0.2
    while time.process_time() < end: pass
child = os.fork()
if child == 0:
    burn()
    os._exit(0)
os.waitpid(child, 0)   # an ended child, like a backend of a postmaster
burn()
print("done", flush=True)
sys.stdin.read()       # alive until it was looked at
"""


def run(count: int, seconds: float, cpu: float = 1.0) -> Run:
    return Run(count, seconds, {"python": cpu}, 0.0)


def test_cpu_of_children_that_ended_is_not_lost() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        alone = Meter({"it": [process.pid]}).mark()
        through_us = Meter({"we": [os.getpid()]}).mark()
        process.communicate()
    assert alone.cpu["it"] >= 0.35  # both burnt 0.2 s; the clock has ticks of 0.01 s
    assert through_us.cpu["we"] >= alone.cpu["it"]  # a living child counts for its parent


def test_every_round_begins_with_another_variant() -> None:
    order: list[str] = []

    def measured(name: str) -> Variant:
        def measure() -> Run:
            order.append(name)
            return run(1, 1.0)

        return Variant(name, name, measure)

    benchmark = Benchmark("x", "x", "things", [measured("p"), measured("q"), measured("r")], [])
    run_rounds(benchmark, 3, lambda what: None)
    assert order == ["p", "q", "r", "q", "r", "p", "r", "p", "q"]


def test_a_slow_round_does_not_move_the_ratio() -> None:
    # The third round is ten times slower for both: only the rates may show it.
    fast = iter([run(100, 1.0), run(100, 1.0), run(100, 10.0)])
    slow = iter([run(100, 2.0, cpu=3.0), run(100, 2.0, cpu=3.0), run(100, 20.0, cpu=3.0)])
    ratio = Ratio("fast", "slow", 2.0)
    benchmark = Benchmark(
        "x",
        "x",
        "things",
        [Variant("fast", "", lambda: next(fast)), Variant("slow", "", lambda: next(slow))],
        [ratio],
    )
    result = run_rounds(benchmark, 3, lambda what: None)
    assert result.ratio(ratio) == pytest.approx([2.0, 2.0, 2.0])
    assert result.cpu_times(ratio) == pytest.approx(1 / 3)
    said = result.as_json()
    assert said["ratios"][0]["median"] == 2.0
    assert said["variants"][0]["per_second_rounds"] == [100, 100, 10]
    assert said["variants"][1]["cpu_microseconds"] == {"python": 30_000.0}


def test_what_others_did_is_told_apart() -> None:
    begin = Mark(10.0, {"python": 1.0, "machine": 100.0})
    end = Mark(12.0, {"python": 2.0, "machine": 104.0})
    measured = run_between(begin, end, 4)
    assert measured.rate == 2.0
    assert measured.cpu == {"python": 1.0}
    assert measured.other == pytest.approx(1.5)  # 4 s busy in 2 s, 1 s of them ours


def test_nothing_done_is_not_a_measurement() -> None:
    mark = Mark(1.0, {"machine": 0.0})
    with pytest.raises(BenchmarkError, match="nothing was measured"):
        run_between(mark, Mark(2.0, {"machine": 0.0}), 0)
