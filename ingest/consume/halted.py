"""Partitions that cannot be read on: each halts alone, is reported every minute, and is tried
again.
"""

from collections.abc import Callable, Mapping
from typing import Final

from ingest.feed import Partition, PartitionsHalted
from ingest.runtime.lifecycle import Clock
from ingest.runtime.logs import get_logger

AGAIN_SECONDS: Final = 60.0
"""How often a halted partition is tried again and, if it is still halted, reported again."""


class HaltedPartitions:
    """The halts of one process. `report`: told of each partition whether it is halted."""

    def __init__(self, clock: Clock, report: Callable[[Partition, bool], None]) -> None:
        self._clock = clock
        self._report = report
        self._sentences: dict[Partition, str] = {}
        self._stored: dict[Partition, int | None] = {}
        self._tried = set[Partition]()
        self._due = 0.0

    def __contains__(self, partition: object) -> bool:
        return partition in self._sentences

    def __bool__(self) -> bool:
        return bool(self._sentences)

    def add(self, halts: Mapping[Partition, str], stored: Mapping[Partition, int]) -> None:
        """These partitions are halted, each with a sentence for a person, which is logged.

        `stored`: the next offsets in the store.
        """
        if not self._sentences:
            self._due = self._clock.monotonic() + AGAIN_SECONDS
        self._sentences.update(halts)
        self._tried -= halts.keys()
        self._stored.update((partition, stored.get(partition)) for partition in halts)
        for partition, sentence in halts.items():
            self._report(partition, True)
            get_logger().error(
                "source_halted",
                topic=partition.topic,
                partition=partition.number,
                sentence=sentence,
            )

    def was_read(self, partition: Partition) -> None:
        """Messages of the partition were stored. A halted partition that was tried again is halted
        no more.

        For one that was not tried again this means nothing: a batch was under way when it halted.
        """
        if partition in self._tried:
            self._clear(partition)

    def to_try_again(
        self, owned: frozenset[Partition], stored: Callable[[], Mapping[Partition, int]]
    ) -> list[Partition]:
        """The halted partitions that are owned, once a minute; none in between.

        Forgets those of other processes, which report them, and those whose gap a person accepted:
        their stored offset is another one.
        """
        now = self._clock.monotonic()
        if not self._sentences or now < self._due:
            return []
        self._due = now + AGAIN_SECONDS
        again = sorted(self._sentences.keys() & owned)
        offsets = stored()
        for partition in list(self._sentences):
            if partition not in owned or offsets.get(partition) != self._stored[partition]:
                self._clear(partition)
        self._tried.update(self._sentences)
        return again

    def are_all_of(self, owned: frozenset[Partition]) -> bool:
        """Whether nothing that this process owns can be read."""
        return bool(owned) and owned <= self._sentences.keys()

    def error(self) -> PartitionsHalted:
        """The halts of all of them, to end the process with."""
        return PartitionsHalted(dict(sorted(self._sentences.items())))

    def _clear(self, partition: Partition) -> None:
        del self._sentences[partition], self._stored[partition]
        self._tried.discard(partition)
        self._report(partition, False)
