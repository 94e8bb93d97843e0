"""One seed for everything that a run draws; seeds that once found something are run for ever.

A run draws a new seed, tells it first and tells it again when something failed; `--seed N` repeats
it. The seed goes to every test that has an argument `seed`, and to hypothesis. Such a test runs
first with each seed that `tests/seeds.tsv` keeps for it.
"""

from __future__ import annotations

import csv
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

KEPT: Final = Path(__file__).resolve().parent.parent / "seeds.tsv"
SEEDS: Final = 2**31
PROFILE: Final = "histoire"


@dataclass(frozen=True, slots=True)
class KeptSeed:
    """A seed of `tests/seeds.tsv`.

    `suite` is the beginning of a test's id: a folder, a module or one test.
    """

    seed: int
    suite: str
    found: str


def kept_seeds(table: Path = KEPT) -> tuple[KeptSeed, ...]:
    """The rows of the table, in its order."""
    with table.open(encoding="utf-8", newline="") as rows:
        return tuple(
            KeptSeed(int(row["seed"]), row["suite"], row["found"])
            for row in csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE)
        )


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--seed N` repeats a run."""
    parser.addoption("--seed", type=int, help="Seed of the run instead of a new one.")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """The seed is known before hypothesis asks for its own, and before workers are started.

    With CI in the environment hypothesis would draw nothing new: its profile of that name derives
    each draw from the code of the test. Here only its missing database and deadline are wanted.
    """
    if config.option.seed is None:
        config.option.seed = secrets.randbelow(SEEDS)
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(config.option.seed)
    settings.register_profile(PROFILE, settings(), derandomize=False, deadline=None)
    settings.load_profile(PROFILE)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The kept seeds of a test, then that of the run under the name `new`."""
    if "seed" not in metafunc.fixturenames or _has_seeds_of_its_own(metafunc):
        return
    node = metafunc.definition.nodeid
    kept = [row.seed for row in kept_seeds() if node.startswith(row.suite)]
    metafunc.parametrize(
        "seed",
        [*kept, metafunc.config.option.seed],
        ids=[*(f"seed {seed}" for seed in kept), "new"],
    )


def _has_seeds_of_its_own(metafunc: pytest.Metafunc) -> bool:
    marks = metafunc.definition.iter_markers("parametrize")
    return any("seed" in str(mark.args[0]).replace(",", " ").split() for mark in marks)


def pytest_report_header(config: pytest.Config) -> str:
    """The seed, before anything runs."""
    return f"seed: {config.option.seed}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """The seed again, where something failed."""
    if terminalreporter.stats.get("failed") or terminalreporter.stats.get("error"):
        terminalreporter.section("seed")
        terminalreporter.write_line(
            f"run it again with: make test SEED={config.option.seed} ONLY='the test' "
            f"(of the long run: make faults SEED={config.option.seed}). "
            "A seed that found something becomes a row of tests/seeds.tsv."
        )
