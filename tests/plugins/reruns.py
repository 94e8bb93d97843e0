"""Tests that are run again: only those marked `timing`, only where something took too long, once.

Such a test gives seconds to real processes, and a neighbour on the machine may take them. A message
that is lost or decided otherwise is red at once, in such a test too. What was run again is told at
the end of the run and kept in build/reruns.tsv. More than RERUNS_MAX in one run make the run red.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

RERUNS_MAX: Final = 2
COLUMNS: Final = ("seed", "test", "seconds", "failure")
TOO_LATE: Final = r"^(TookTooLong|TimeoutExpired):"
"""Failures that say that something took too long, and nothing else."""
Row = tuple[str, ...]


def pytest_configure(config: pytest.Config) -> None:
    """The ledger is kept where reports of all workers arrive."""
    if config.getoption("reruns", None) or config.getoption("only_rerun", None):
        raise pytest.UsageError("what may be run again is marked `timing`; --reruns is not used")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Ledger(config), "reruns-ledger")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `timing` may be run once more where they took too long, and no others."""
    for item in items:
        if item.get_closest_marker("flaky") is not None:
            raise pytest.UsageError(f"{item.nodeid}: marked flaky; `timing` is the only such mark")
        if item.get_closest_marker("timing") is not None:
            item.add_marker(pytest.mark.flaky(reruns=1, only_rerun=[TOO_LATE]))


class Ledger:
    """What was run again in this run, and why."""

    def __init__(self, config: pytest.Config) -> None:
        self._seed = str(config.getoption("seed", ""))
        self._file: Path = config.rootpath / "build" / "reruns.tsv"
        self._rows: list[Row] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A first try that failed is a row."""
        if str(report.outcome) == "rerun":  # the library adds this one
            lines = report.longreprtext.strip().splitlines() or [""]
            failure = next((line for line in lines if line.startswith("E  ")), lines[-1])
            seconds = f"{report.duration:.1f}"
            self._rows.append((self._seed, report.nodeid, seconds, failure[:200].strip()))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """The rows are kept; too many make the run fail."""
        if not self._rows:
            return
        self._file.parent.mkdir(exist_ok=True)
        fresh = not self._file.exists()
        with self._file.open("a", encoding="utf-8") as ledger:
            for row in [COLUMNS, *self._rows] if fresh else self._rows:
                ledger.write("\t".join(cell.replace("\t", " ") for cell in row) + "\n")
        if len(self._rows) > RERUNS_MAX:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The ledger of this run, also of one that is green."""
        if not self._rows:
            return
        terminalreporter.section("run again")
        for row in self._rows:
            terminalreporter.write_line("  ".join(row[1:]))
        if len(self._rows) > RERUNS_MAX:
            terminalreporter.write_line(
                f"{len(self._rows)} tests were run again, {RERUNS_MAX} at most may be: failed"
            )
