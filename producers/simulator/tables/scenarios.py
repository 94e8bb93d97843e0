"""What befalls a document after its deposit: the table `scenarios`."""

from typing import Any, Final

from producers.simulator.tables.cells import check_listed, hours, load
from producers.simulator.tables.rows import (
    Flags,
    Scenario,
    Step,
)

DOES: Final = frozenset({"replace", "visibility", "archive", "unarchive", "delete"})
FLAGS: Final = frozenset({"masquePs", "invisiblePatient", "invisibleRepresentantsLegaux"})


def read_scenarios() -> dict[str, Scenario]:
    """All scenarios by name. Raises TableError."""
    return {name: _scenario(name, row) for name, row in load("scenarios").items()}


def weighted_scenarios(
    where: str, weights: dict[str, float], scenarios: dict[str, Scenario]
) -> tuple[tuple[Scenario, float], ...]:
    """The scenarios of a kind of document, with their weights. Raises TableError."""
    for name in weights:
        check_listed(where, "scenarios", name, frozenset(scenarios))
    return tuple((scenarios[name], float(weight)) for name, weight in weights.items())


def _scenario(name: str, row: dict[str, Any]) -> Scenario:
    first = row["first"]
    return Scenario(
        name=name,
        flags=_flags(name, first.get("flags", {})),
        status=first.get("status", "complete"),
        minors_only=row.get("minorsOnly", False),
        steps=tuple(_step(name, step) for step in row["then"]),
    )


def _step(name: str, row: dict[str, Any]) -> Step:
    check_listed(f"scenarios.json, {name}", "do", row["do"], DOES)
    return Step(
        do=row["do"],
        after_hours=hours(row["afterHours"]),
        by=row.get("by", "author"),
        flags=_flags(name, row.get("flags", {})),
        status=row.get("status", "complete"),
        visibility_only=row.get("visibilityOnly", False),
        reason=row.get("reason"),
    )


def _flags(where: str, flags: Flags) -> Flags:
    for flag in flags:
        check_listed(f"scenarios.json, {where}", "flags", flag, FLAGS)
    return flags
