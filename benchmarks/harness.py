"""Rounds, medians, ratios: what every benchmark has in common, and the shape of its result."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from .cpu import MACHINE, Mark

PROCESSES: Final = ("python", "postgresql", "broker")
"""Our Python (all of its processes), the PostgreSQL server whole, the broker's JVM."""


class BenchmarkError(RuntimeError):
    """The run proves nothing: a worker failed, or what it did is not what was to be measured."""


@dataclass(frozen=True, slots=True)
class Run:
    """One variant measured once. `count` things done in `seconds`; CPU in seconds by process.

    `other`: cores that programs beside ours kept busy meanwhile.
    """

    count: int
    seconds: float
    cpu: Mapping[str, float]
    other: float
    bytes: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Things per second."""
        return self.count / self.seconds


def run_between(
    begin: Mark,
    end: Mark,
    count: int,
    *,
    data: int = 0,
    facts: Mapping[str, Any] | None = None,
) -> Run:
    """What happened between two marks. Raises BenchmarkError when nothing did."""
    seconds = end.at - begin.at
    if count <= 0 or seconds <= 0:
        raise BenchmarkError(f"nothing was measured: {count} in {seconds:.3f} s")
    spent = {name: end.cpu[name] - begin.cpu.get(name, 0.0) for name in end.cpu}
    total = spent.pop(MACHINE)
    other = max(0.0, (total - sum(spent.values())) / seconds)
    return Run(count, seconds, spent, other, data, facts or {})


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the things compared. `measure` prepares, runs and cleans up; only the run counts."""

    name: str
    label: str
    measure: Callable[[], Run]


@dataclass(frozen=True, slots=True)
class Ratio:
    """`of` beside `to`, in things per second; `aim` is what decision 0039 asks for, never
    enforced.
    """

    of: str
    to: str
    aim: float | None = None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Variants on the same input, in units of `unit`."""

    key: str
    title: str
    unit: str
    variants: Sequence[Variant]
    ratios: Sequence[Ratio]
    notes: Sequence[str] = ()


@dataclass(slots=True)
class Result:
    """The runs of every variant, in rounds."""

    benchmark: Benchmark
    runs: dict[str, list[Run]]

    def rates(self, name: str) -> list[float]:
        """Rate in each round."""
        return [run.rate for run in self.runs[name]]

    def ratio(self, ratio: Ratio) -> list[float]:
        """In each round: both were measured one after the other, so a slow minute hits both."""
        return [a / b for a, b in zip(self.rates(ratio.of), self.rates(ratio.to), strict=True)]

    def cpu(self, name: str) -> dict[str, float]:
        """Median microseconds per thing by process; a process that did nothing is left out."""
        runs = self.runs[name]
        found = {
            process: statistics.median(run.cpu.get(process, 0.0) / run.count for run in runs) * 1e6
            for process in PROCESSES
        }
        return {process: micros for process, micros in found.items() if micros >= 0.05}

    def cpu_times(self, ratio: Ratio) -> float:
        """How many times the CPU of `to` one of `of` costs, all processes together. Other work on
        the machine hardly changes it.
        """
        return sum(self.cpu(ratio.of).values()) / sum(self.cpu(ratio.to).values())

    def megabytes(self, name: str) -> float | None:
        """Median megabytes (10^6) per second, where bytes were counted."""
        rates = [run.bytes / run.seconds / 1e6 for run in self.runs[name] if run.bytes]
        return statistics.median(rates) if rates else None

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        bench = self.benchmark
        return {
            "benchmark": bench.key,
            "title": bench.title,
            "unit": bench.unit,
            "notes": list(bench.notes),
            "ratios": [
                {
                    "of": ratio.of,
                    "to": ratio.to,
                    "aim": ratio.aim,
                    "median": round(statistics.median(self.ratio(ratio)), 3),
                    "rounds": [round(value, 3) for value in self.ratio(ratio)],
                    "cpu_times": round(self.cpu_times(ratio), 2),
                }
                for ratio in bench.ratios
            ],
            "variants": [self._variant(variant) for variant in bench.variants],
        }

    def _variant(self, variant: Variant) -> dict[str, Any]:
        runs = self.runs[variant.name]
        return {
            "name": variant.name,
            "label": variant.label,
            "per_second": round(statistics.median(self.rates(variant.name))),
            "per_second_rounds": [round(rate) for rate in self.rates(variant.name)],
            "megabytes_per_second": self.megabytes(variant.name),
            "cpu_microseconds": {k: round(v, 2) for k, v in self.cpu(variant.name).items()},
            "other_cores": [round(run.other, 2) for run in runs],
            "count": runs[0].count,
            "seconds": [round(run.seconds, 3) for run in runs],
            "facts": [dict(run.facts) for run in runs],
        }


def run_rounds(benchmark: Benchmark, rounds: int, step: Callable[[str], None]) -> Result:
    """Every variant once per round, each round beginning with another one.

    `step` is told what comes before each run, so that a person sees what takes so long.
    """
    runs: dict[str, list[Run]] = {variant.name: [] for variant in benchmark.variants}
    for number, variant in _order(benchmark.variants, rounds):
        step(f"{benchmark.key.upper()} {number + 1}/{rounds} {variant.name}")
        runs[variant.name].append(variant.measure())
    return Result(benchmark, runs)


def _order(variants: Sequence[Variant], rounds: int) -> Iterator[tuple[int, Variant]]:
    for number in range(rounds):
        first = number % len(variants)
        for variant in [*variants[first:], *variants[:first]]:
            yield number, variant
