"""CPU time by process: /proc/<pid>/stat of a process, its living children and those it reaped.

A PostgreSQL backend that ended is in its postmaster's account of ended children, so nothing is
lost when connections come and go. Linux only; the clock of /proc ticks 100 times a second, so
figures of runs below a second are rough.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

TICK: Final = 1 / os.sysconf("SC_CLK_TCK")
MACHINE: Final = "machine"
"""Not a process: everything the machine did."""
_PPID, _UTIME, _CSTIME = 1, 11, 14
"""Columns of /proc/<pid>/stat counted from the state, which follows the name in brackets."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment (CLOCK_MONOTONIC, the same in every process) and the CPU seconds used until then."""

    at: float
    cpu: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """For the line a worker prints."""
        return {"at": self.at, "cpu": self.cpu}


class Meter:
    """Reads the CPU seconds of named groups of processes, each given by its root processes."""

    def __init__(self, groups: Mapping[str, Sequence[int]]) -> None:
        self._groups: Final = {name: tuple(pids) for name, pids in groups.items()}

    def mark(self) -> Mark:
        """Now. A process that has gone counts as nothing: keep the roots alive while measuring."""
        at = time.monotonic()
        processes = _processes()
        cpu = {
            name: sum(_of_root(pid, processes) for pid in pids)
            for name, pids in self._groups.items()
        }
        return Mark(at, cpu | {MACHINE: _machine()})


def _of_root(root: int, processes: dict[int, tuple[int, float, float]]) -> float:
    if root not in processes:
        return 0.0
    _, own, ended = processes[root]
    children = [pid for pid, (parent, _, _) in processes.items() if parent == root]
    return own + ended + sum(_of_root(pid, processes) for pid in children)


def _processes() -> dict[int, tuple[int, float, float]]:
    """By pid: parent, own CPU seconds, those of its ended children."""
    found = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            text = Path(entry.path, "stat").read_text()
        except OSError:
            continue  # it ended meanwhile
        columns = text[text.rindex(")") + 2 :].split()
        utime, stime, cutime, cstime = (int(tick) for tick in columns[_UTIME : _CSTIME + 1])
        found[int(entry.name)] = (
            int(columns[_PPID]),
            (utime + stime) * TICK,
            (cutime + cstime) * TICK,
        )
    return found


def _machine() -> float:
    """Seconds all cores together were busy since the start; waiting for a disk is not busy."""
    columns = [int(tick) for tick in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _wait, irq, softirq, *_ = columns
    return (user + nice + system + irq + softirq) * TICK
