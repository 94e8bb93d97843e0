"""One line for each fault of a run: what it was, its seed, how the system came out of it.

A plugin: a test notes its fault with `record_property`, and the lines are told at the end, those of
failed ones too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

HEAD: Final = ("fault", "seed", "messages", "recovered", "verdict")
RECORDED: Final = ("fault", "seed", "messages", "recovered")
_WIDTHS: Final = (58, 12, 10, 11, 8)


def rows(reports: dict[str, list[Any]]) -> Iterator[tuple[str, ...]]:
    """One for each test that noted a fault, in the order of running."""
    for outcome in ("passed", "failed"):
        for report in reports.get(outcome, ()):
            noted = dict(getattr(report, "user_properties", ()))
            if getattr(report, "when", "") == "call" and "fault" in noted:
                yield (*(str(noted.get(name, "-")) for name in RECORDED), outcome)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of faults, if any was put in."""
    found = list(rows(terminalreporter.stats))
    if not found:
        return
    terminalreporter.section("faults")
    for row in (HEAD, *found):
        line = "".join(cell.ljust(width) for cell, width in zip(row, _WIDTHS, strict=True))
        terminalreporter.write_line(line.rstrip())
