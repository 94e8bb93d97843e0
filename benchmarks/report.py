"""What a person reads: ratios first, rates beside them, CPU by process, settings last."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from .harness import PROCESSES, Result

WIDTH: Final = 150
QUIET_CORES: Final = 0.15
"""Other work above this share of a core is worth a warning."""


def show(console: Console, results: Sequence[Result], settings: dict[str, Any]) -> None:
    """Prints everything."""
    if not console.is_terminal:
        console.width = WIDTH  # a file or a log has no width of its own
    _ratios(console, results)
    for result in results:
        _rates(console, result)
    _settings(console, settings)
    _warn(console, results, settings)


def _ratios(console: Console, results: Sequence[Result]) -> None:
    table = Table("", "of", "beside", "ratio", "rounds", "aim", "CPU ×", title="ratios of rates")
    for result in results:
        for ratio in result.benchmark.ratios:
            rounds = result.ratio(ratio)
            table.add_row(
                f"{result.benchmark.key.upper()} {result.benchmark.title}",
                ratio.of,
                ratio.to,
                f"{statistics.median(rounds):.2f}",
                " ".join(f"{value:.2f}" for value in rounds),
                f"{ratio.aim:.1f}" if ratio.aim is not None else "",
                f"{result.cpu_times(ratio):.1f}",
            )
    if table.row_count:
        console.print(table)
    for result in results:
        for note in result.benchmark.notes:
            console.print(f"{result.benchmark.key.upper()}: {note}")


def _rates(console: Console, result: Result) -> None:
    bench = result.benchmark
    table = Table(
        "", "what", f"{bench.unit}/s", "rounds", "MB/s", *(f"{p} µs" for p in PROCESSES), "other",
        title=f"{bench.key.upper()} {bench.title}: {bench.unit}/s, and CPU per one by process",
    )  # fmt: skip
    for variant in bench.variants:
        rates, cpu = result.rates(variant.name), result.cpu(variant.name)
        megabytes = result.megabytes(variant.name)
        table.add_row(
            variant.name,
            variant.label,
            f"{statistics.median(rates):,.0f}",
            " ".join(f"{rate / 1000:.1f}k" for rate in rates),
            f"{megabytes:.1f}" if megabytes is not None else "",
            *(f"{cpu[process]:.1f}" if process in cpu else "" for process in PROCESSES),
            f"{statistics.median(run.other for run in result.runs[variant.name]):.2f}",
        )
    console.print(table)
    for variant in bench.variants:
        facts = result.runs[variant.name][-1].facts
        if facts:
            said = ", ".join(f"{name} {value}" for name, value in facts.items())
            console.print(f"  {variant.name}, last round: {said}")


def _settings(console: Console, settings: dict[str, Any]) -> None:
    table = Table("setting", "in force", title="on what it ran")
    for name, value in settings.items():
        if isinstance(value, dict):
            value = ", ".join(f"{inner} {text}" for inner, text in value.items())
        table.add_row(name, str(value))
    console.print(table)


def _warn(console: Console, results: Sequence[Result], settings: dict[str, Any]) -> None:
    other = [run.other for result in results for runs in result.runs.values() for run in runs]
    if max([settings["other_work_cores"], *other]) > QUIET_CORES:
        console.print(
            f"Other programs kept up to {max(other, default=0):.2f} cores busy during a run"
            f" ({settings['other_work_cores']:.2f} before): rates are low, ratios rough."
        )
    if settings.get("file_system") == "tmpfs":
        console.print("The data lay in memory (tmpfs): durability cost nothing. Use --scratch.")
