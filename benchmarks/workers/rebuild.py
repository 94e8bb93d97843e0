"""`histoire replay timeline` by its own code: built, compared with the live build, switched."""

import time

from benchmarks.cpu import Mark, Meter
from benchmarks.workers.protocol import answer, meter_of, task
from ingest.runtime.settings import Settings
from projections import PROJECTIONS
from projections.replay import Replay


class Stages:
    """Begins with the first stage; knows when the comparison began.

    `steady` counts from the first page on: without the start of the worker processes, which a
    long rebuild does not notice and a short one is half made of.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.begin: Mark | None = None
        self.compared_from: float | None = None
        self._first = self._last = 0.0
        self._after_first = 0

    def stage(self, description: str, total: int | None) -> None:
        """A stage begins."""
        if self.begin is None:
            self.begin = self._meter.mark()
        if "compare" in description:
            self.compared_from = time.monotonic()

    def advance(self, count: int) -> None:
        """So many more events are done."""
        self._last = time.monotonic()
        if self._first:
            self._after_first += count
        else:
            self._first = self._last

    @property
    def steady(self) -> int:
        """Events per second from the first page on; 0 when there was but one."""
        seconds = self._last - self._first
        return round(self._after_first / seconds) if seconds > 0 else 0


def main() -> None:
    """From the first stage until the new build serves. Fails unless the builds are equal."""
    told = task()
    meter = meter_of(told)
    stages = Stages(meter)
    timeline = next(found for found in PROJECTIONS if found.name == "timeline")
    result = Replay(Settings.load(), timeline, stages).run(workers=told["workers"])
    end = meter.mark()
    begin, compared_from = stages.begin, stages.compared_from
    if not result.switched or begin is None or compared_from is None:
        raise SystemExit("the rebuilt timeline differs from the live one: not switched")
    build_seconds = compared_from - begin.at
    answer(
        begin,
        end,
        result.events,
        steady_per_second=stages.steady,
        built_per_second=round(result.events / build_seconds),
        compare_and_switch_seconds=round(end.at - compared_from, 3),
    )


if __name__ == "__main__":
    main()
