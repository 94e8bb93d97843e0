"""Runs small enough for tests, planned once."""

from __future__ import annotations

from functools import cache

from producers.simulator.plan.plan import Plan, Run
from producers.simulator.plan.planned import Planned, PlannedDocument
from producers.simulator.tables.sectors import all_sectors, read_sector

SECTORS = ("lab", "hospital", "gp")
OTHERS = tuple(name for name in all_sectors() if name not in SECTORS)


def run_of(documents: int, *, seed: int = 7, patients: int = 400) -> Run:
    return Run(seed, tuple(map(read_sector, SECTORS)), patients, documents)


@cache
def planned(documents: int, seed: int = 7, patients: int = 400) -> tuple[Planned, ...]:
    return tuple(Plan(run_of(documents, seed=seed, patients=patients)))


def documents_of(messages: tuple[Planned, ...]) -> list[PlannedDocument]:
    return [
        message.document
        for message in messages
        if message.schema == "DepositDocument" and message.document is not None
    ]


def run_of_others(documents: int, *, seed: int = 7, patients: int = 300) -> Run:
    """The sectors with number streams of their own."""
    return Run(seed, tuple(map(read_sector, OTHERS)), patients, documents)


@cache
def planned_by_others(documents: int) -> tuple[Planned, ...]:
    return tuple(Plan(run_of_others(documents)))
