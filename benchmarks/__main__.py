"""`python -m benchmarks`: the path beside its floors, on one machine in one run."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Final

import orjson
import typer

from deploy.broker import BrokerError
from ingest.feed import FeedError
from ingest.runtime.console import Exit, err, note, out, progress
from ingest.runtime.postgres.embedded import EmbeddedPostgresError

from .append import benchmark_b
from .feed import Feed, fill
from .feed_to_store import FeedToStore, benchmark_a, benchmark_a2
from .harness import Benchmark, BenchmarkError, Result, run_rounds
from .machine import in_force, machine
from .place import Place, prepared
from .rebuild import benchmark_c
from .report import show
from .rules import benchmark_rules

RULES: Final = "r"
"""The one that needs no server."""
ALL: Final = (RULES, "a", "a2", "b", "c")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run."""

    keys: tuple[str, ...]
    rounds: int
    messages: int
    documents: int
    events: int


def _keys(only: str) -> tuple[str, ...]:
    wanted = tuple(key.strip().lower() for key in only.split(",") if key.strip())
    unknown = [key for key in wanted if key not in ALL]
    if unknown or not wanted:
        raise typer.BadParameter(f"choose from {', '.join(ALL)}")
    return tuple(key for key in ALL if key in wanted)


def bench(
    only: Annotated[
        str,
        typer.Option(help="Which: r rules, a feed to store, a2 with bytes, b append, c timeline."),
    ] = ",".join(ALL),
    rounds: Annotated[int, typer.Option(min=1, help="Times each variant runs.")] = 3,
    messages: Annotated[int, typer.Option(min=1000, help="Messages of A, events of C.")] = 100_000,
    documents: Annotated[int, typer.Option(min=100, help="Messages of A2, with bytes.")] = 3000,
    events: Annotated[int, typer.Option(min=1000, help="Events of B per variant.")] = 150_000,
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of each topic.")] = 24,
    kafka: Annotated[
        bool, typer.Option(help="A over Kafka on the JVM; else the embedded feed.")
    ] = True,
    scratch: Annotated[
        Path | None,
        typer.Option(help="Folder for all data, removed afterwards [default: /var/tmp]."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the results to this file.")
    ] = None,
) -> None:
    """Measure the path beside its floors: same messages, interleaved, medians.

    Tables on stdout, a progress bar on stderr. Nothing here fails for being slow; exit 1 when a
    run went wrong and so proves nothing. benchmarks/README.md says how to read the figures.
    """
    plan = Plan(_keys(only), rounds, messages, documents, events)
    settings: dict[str, Any] = machine()
    results: list[Result] = []
    try:
        if RULES in plan.keys:
            _run(plan, lambda step: iter([_rules(plan, step)]), results)
        if set(plan.keys) != {RULES}:
            with prepared(scratch, partitions, kafka=kafka) as place:
                if place.broker is None:
                    note(f"A without Kafka, over the embedded feed: {place.no_broker}")
                settings |= in_force(place)
                _run(plan, lambda step: _benchmarks(plan, place, settings, step), results)
    finally:
        # Also when a later benchmark fails: what was measured was measured.
        if results:
            show(out(), results, settings)
            _write(json_file, results, settings)


Step = Callable[[str], None]


def _run(
    plan: Plan, benchmarks: Callable[[Step], Iterator[Benchmark]], results: list[Result]
) -> None:
    with progress("preparing") as bar:

        def step(what: str) -> None:
            bar.update(description=what)
            bar.advance()
            if not sys.stderr.isatty():
                note(what)

        for benchmark in benchmarks(step):
            bar.update(completed=0, total=len(benchmark.variants) * plan.rounds)
            results.append(run_rounds(benchmark, plan.rounds, step))
            bar.update(total=None, description="preparing")


def _write(path: Path | None, results: list[Result], settings: dict[str, Any]) -> None:
    if path is not None:
        said = {"settings": settings, "results": [result.as_json() for result in results]}
        path.write_bytes(orjson.dumps(said, option=orjson.OPT_INDENT_2))


def _rules(plan: Plan, step: Step) -> Benchmark:
    step("R making messages")
    return benchmark_rules(plan.rounds)


def _benchmarks(
    plan: Plan, place: Place, settings: dict[str, Any], step: Step
) -> Iterator[Benchmark]:
    stored: str | None = None
    if "a" in plan.keys or "c" in plan.keys:
        step(f"A publishing {plan.messages} messages")
        feed = fill(place, "a", plan.messages, content=False)
        settings["a_message_bytes"] = _sizes(feed)
        measured = FeedToStore(place, feed)
        if "a" in plan.keys:
            yield benchmark_a(measured)
        else:
            step("C ingesting what it reads")
            measured.path()
        stored = measured.stored
    if "a2" in plan.keys:
        step(f"A2 publishing {plan.documents} messages with bytes")
        feed = fill(place, "a2", plan.documents, content=True)
        settings["a2_message_bytes"] = _sizes(feed)
        yield benchmark_a2(FeedToStore(place, feed))
    if "b" in plan.keys:
        step("B making states")
        yield benchmark_b(place, plan.events)
    if "c" in plan.keys and stored is not None:
        step("C projecting the live timeline")
        yield benchmark_c(place, stored)


def _sizes(feed: Feed) -> dict[str, int]:
    return {"messages": feed.messages, "mean": feed.mean_bytes, "largest": feed.largest}


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Exit code of the command; a fault is one sentence."""
    signal.signal(signal.SIGTERM, _end)  # so that servers are stopped and folders removed
    try:
        typer.run(bench)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.FAILED
    except (BenchmarkError, BrokerError, EmbeddedPostgresError, FeedError) as error:
        err(str(error))
        return Exit.FAILED
    except subprocess.TimeoutExpired:
        err("a worker did not end in ten minutes")
        return Exit.FAILED
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
