"""Two tables at the end of a run: crash points with their hits, planted bugs with their findings.

A plugin: tests note both with `record_property`; those of failed tests are told too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.system.bugs.planted import POINTS

FEEDS: Final = ("embedded", "kafka")


def noted(reporter: pytest.TerminalReporter, name: str) -> Iterator[Any]:
    """Everything noted under this name, in the order of running."""
    for outcome in ("passed", "failed"):
        for report in reporter.stats.get(outcome, ()):
            if getattr(report, "when", "") == "call":
                yield from (value for key, value in report.user_properties if key == name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The tables, as far as there is something in them."""
    hits = Counter[tuple[str, str]](noted(terminalreporter, "crash_point"))
    if hits:
        terminalreporter.section("crash points: how often a process was killed there")
        _line(terminalreporter, "point", *FEEDS)
        for point in POINTS:
            _line(terminalreporter, point, *(str(hits[point, feed]) for feed in FEEDS))
    bugs = list(noted(terminalreporter, "planted_bug"))
    if bugs:
        terminalreporter.section("planted bugs: what they were found as")
        _line(terminalreporter, "bug", "feed", "findings")
        for row in bugs:
            _line(terminalreporter, *row)


def _line(reporter: pytest.TerminalReporter, first: str, second: str, third: str) -> None:
    reporter.write_line(f"{first:<28}{second:<10}{third}")
