"""Many files: one after the other here, or several at once in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from producers.input_files import STDIN, bytes_of, name_of

from .checker import Checker, CheckPlan
from .finding import FileReport

_SOME: Final = 8
"""Files a process takes at a time."""


def check_files(plan: CheckPlan, files: Sequence[Path], jobs: int) -> Iterator[FileReport]:
    """The report of each file, in the order of the files.

    Raises SchematronError and XsdError before the first, BrokenProcessPool when a process dies.
    """
    checker = Checker(plan)
    jobs = min(jobs, len(files))
    if jobs <= 1 or STDIN in files:
        yield from (_checked(checker, plan, file) for file in files)
        return
    # Spawned: a fork of a process in which Saxon runs would hang.
    context = get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _begin, (plan,)) as pool:
        yield from pool.map(_check_here, files, chunksize=_SOME)


_here: Checker | None = None
_plan: CheckPlan | None = None


def _begin(plan: CheckPlan) -> None:
    global _here, _plan
    _here, _plan = Checker(plan), plan


def _check_here(file: Path) -> FileReport:
    assert _here is not None
    assert _plan is not None
    return _checked(_here, _plan, file)


def _checked(checker: Checker, plan: CheckPlan, file: Path) -> FileReport:
    try:
        data = bytes_of(file, 2 * plan.settings.max_message_bytes)  # base64 in JSON
    except OSError as error:
        return checker.unreadable(name_of(file), error.strerror or "unknown reason")
    return checker.check(name_of(file), data)
