"""Which document comes next, and its scenario: choices by the weights of the tables."""

from random import Random
from typing import Final

from producers.simulator.randomness import Weighted
from producers.simulator.tables.rows import Scenario, Sector

LIFE_CYCLE_SHARE: Final = 0.05
"""Share of life-cycle operations among the messages on documents."""


class Choices:
    """Sector, kind and scenario by weight, scaled to the share of life-cycle operations."""

    def __init__(self, sectors: tuple[Sector, ...]) -> None:
        self._sectors = sectors
        self._of_sector = Weighted([sector.weight for sector in sectors])
        self._of_kind = [Weighted([kind.weight for kind in sector.kinds]) for sector in sectors]
        self._of_scenario = [
            [
                Weighted([weight for _, weight in kind.scenarios]) if kind.scenarios else None
                for kind in sector.kinds
            ]
            for sector in sectors
        ]
        self._chance = self._scale()

    def _scale(self) -> float:
        """The factor from the sum of a kind's scenario weights to the chance of any scenario."""
        total = sum(sector.weight for sector in self._sectors)
        steps = 0.0
        for sector in self._sectors:
            kinds = sum(kind.weight for kind in sector.kinds)
            for kind in sector.kinds:
                share = sector.weight / total * kind.weight / kinds
                steps += share * sum(w * len(scenario.steps) for scenario, w in kind.scenarios)
        return LIFE_CYCLE_SHARE / (1 - LIFE_CYCLE_SHARE) / steps if steps else 0.0

    def draw(self, rng: Random) -> tuple[int, int]:
        """Numbers of a sector and of one of its kinds."""
        sector = self._of_sector.draw(rng)
        return sector, self._of_kind[sector].draw(rng)

    def scenario(
        self, rng: Random, sector: int, kind: int, minor: bool, left: int
    ) -> Scenario | None:
        """The scenario of a document of this kind; nearly always None.

        `left`: how many deposits may still be made.
        """
        row = self._sectors[sector].kinds[kind]
        if rng.random() >= self._chance * sum(weight for _, weight in row.scenarios):
            return None
        weighted = self._of_scenario[sector][kind]
        if weighted is None:
            return None
        scenario = row.scenarios[weighted.draw(rng)][0]
        fits = deposits(scenario) <= left and (minor or not scenario.minors_only)
        return scenario if fits else None


def deposits(scenario: Scenario | None) -> int:
    """How many deposits a document with this scenario makes."""
    return 1 + sum(step.do == "replace" for step in scenario.steps) if scenario else 1
