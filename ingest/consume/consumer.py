"""The loop: poll, read, write. Reading the next batch overlaps the writing of the current one.

The writing thread decides one batch after the other: each decision sees the state after the batch
before it.
"""

import gc
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from ingest.batch.write import BatchWriter, Written, counts_of
from ingest.feed import (
    FeedRecord,
    FeedUnavailable,
    Partition,
    PartitionsHalted,
    PolledPartition,
    Poller,
)
from ingest.read.arrivals import Arrival, read_partition
from ingest.read.offsets import hole_sentence
from ingest.read.site import Context
from ingest.runtime.crash_points import crash_point
from ingest.runtime.lifecycle import Clock, StopSignal
from ingest.runtime.logs import get_logger

from .halted import HaltedPartitions
from .metrics import IngestionMetrics
from .rejection_limit import RejectionLimit

SWITCH_SECONDS: Final = 0.0002
"""Ingestion with a writing thread is a third faster than with the default of 5 ms (decision 0039).
"""
COLLECT_BATCHES: Final = 500
"""The collector is off in the loop (the largest single gain, decision 0039). Cycles are collected
while the feed is idle, or after so many batches.
"""
UNOWNED_SECONDS: Final = 30.0
"""With `until_idle`: how long to wait for partitions that other members hold."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one poll."""

    feed_records: int
    bytes: int
    timeout_seconds: float


class Consumer:
    """Ingests what a poller brings."""

    def __init__(
        self,
        poller: Poller,
        writer: BatchWriter,
        context: Context,
        limits: Limits,
        rejections: RejectionLimit,
        clock: Clock,
        report: IngestionMetrics | None = None,
        translate: Callable[[FeedRecord], FeedRecord] | None = None,
    ) -> None:
        """`translate`: makes records of another wire format ours before they are read."""
        self._poller = poller
        self._writer = writer
        self._context = context
        self._limits = limits
        self._rejections = rejections
        self._clock = clock
        self._report = report
        self._translate = translate
        self._next: dict[Partition, int] = {}
        self._halted = HaltedPartitions(clock, self._report_halt)
        self._batches = 0
        self._on_messages: Callable[[int], None] | None = None

    def run_once(self) -> Written | None:
        """One poll and its batch, committed; None when the poll brought nothing.

        Raises what halts: TooManyRejections, StoreError, FeedError. PartitionsHalted is raised only
        when all owned partitions are halted; while others can be read, the halted ones are set
        aside.
        """
        parts = self._poll()
        if not parts:
            self._raise_if_all_halted()
            return None
        started = self._clock.monotonic()
        written = self._write(parts)
        self._finish(written, started)
        return written

    def run(
        self,
        stop: StopSignal,
        *,
        until_idle: bool = False,
        on_messages: Callable[[int], None] | None = None,
    ) -> None:
        """Ingests until stopped, or until every owned partition is at its end or halted; then
        PartitionsHalted is raised if any is. A halted partition is tried again every minute.

        After a stop the batch under way is ended, and no other is begun. Raises what `run_once`
        raises; a batch that could not be written is read again at the next start.
        """
        with _tuned(), ThreadPoolExecutor(1, thread_name_prefix="writer") as pool:
            started = self._clock.monotonic()
            self._on_messages = on_messages
            under_way: tuple[Future[Written], float] | None = None
            while not stop.is_set():
                polled_at = self._clock.monotonic()
                parts = self._poll()
                if under_way is not None:
                    lost = self._finish(under_way[0].result(), under_way[1])
                    parts = [part for part in parts if part.partition not in lost]
                    under_way = None
                if parts:
                    under_way = pool.submit(self._write, parts), polled_at
                    continue
                self._rest()
                self._raise_if_all_halted()
                if until_idle and self._is_idle(self._clock.monotonic() - started):
                    if self._halted:
                        raise self._halted.error()
                    return
            if under_way is not None:
                self._finish(under_way[0].result(), under_way[1])

    def _poll(self) -> list[PolledPartition[Arrival]]:
        limits = self._limits
        self._try_halted_again()
        try:
            polled = self._poller.poll(limits.timeout_seconds, limits.feed_records, limits.bytes)
        except FeedUnavailable as error:
            get_logger().warning("service_away", service="feed", error=error)
            if self._report is not None:
                self._report.feed_away()
            self._pause()
            return []
        except PartitionsHalted as error:
            self._halted.add(error.halts, self._stored())
            return []
        started = self._clock.monotonic()
        if polled:
            crash_point("batch_polled")
        parts = [self._read(part) for part in polled]
        if self._report is not None:
            if parts:
                self._report.fetched(parts, self._clock.monotonic() - started)
            if self._report.lag_is_due():
                self._report.beat()
                self._report.lag(self._poller.owned(), self._poller.end_offsets(), self._next)
        return parts

    def _try_halted_again(self) -> None:
        """The cause may be gone, or a person may have accepted the gap."""
        if self._halted:
            again = self._halted.to_try_again(self._poller.owned(), self._stored)
            if again:
                self._poller.seek_again(again)

    def _stored(self) -> Mapping[Partition, int]:
        return self._writer.stored_offsets(self._poller.cluster_id)

    def _raise_if_all_halted(self) -> None:
        if self._halted and self._halted.are_all_of(self._poller.owned()):
            raise self._halted.error()

    def _report_halt(self, partition: Partition, is_halted: bool) -> None:
        if self._report is not None:
            self._report.halted(partition, is_halted)

    def _pause(self) -> None:
        time.sleep(self._limits.timeout_seconds)

    def _read(self, polled: PolledPartition[FeedRecord]) -> PolledPartition[Arrival]:
        if self._translate is not None:
            polled = replace(polled, records=[self._translate(record) for record in polled.records])
        return read_partition(polled, self._poller.cluster_id, self._context)

    def _write(self, parts: Sequence[PolledPartition[Arrival]]) -> Written:
        return self._writer.write(parts, self._rejections.check)

    def _finish(self, written: Written, started: float) -> frozenset[Partition]:
        """The batch is accounted for. Returns the partitions that have another owner now or are
        halted: what was polled of them meanwhile is of no use.
        """
        lost = frozenset(part.partition for part in written.lost)
        if lost:
            self._poller.seek_again(sorted(lost))
        for part in written.parts:
            self._halted.was_read(part.partition)
            self._rejections.count(part.records)
            self._next[part.partition] = part.next_offset
        if written.holes:
            self._poller.set_aside(sorted(written.holes))
            sentences = {at: hole_sentence(at, hole) for at, hole in written.holes.items()}
            self._halted.add(sentences, self._stored())
        crash_point("courtesy_due")
        self._poller.commit_courtesy({part.partition: part.next_offset for part in written.parts})
        self._log(written, self._clock.monotonic() - started)
        if self._report is not None:
            self._report.stored(written, self._clock.monotonic() - started)
            self._report.look_at_store()
        self._batches += 1
        if self._batches % COLLECT_BATCHES == 0:
            gc.collect()
        return lost | written.holes.keys()

    def _log(self, written: Written, seconds: float) -> None:
        arrivals = [arrival for part in written.parts for arrival in part.records]
        if self._on_messages is not None:
            self._on_messages(len(arrivals))
        counts = counts_of(arrivals)
        get_logger().info(
            "batch_stored",
            messages=len(arrivals),
            events=sum(written.names.values()),
            accepted=counts["accepted"],
            duplicate=counts["duplicate"],
            unchanged=counts["unchanged"],
            rejected=counts["rejected"],
            letters=len(written.dead_letters),
            last_position=written.last_position,
            seconds=round(seconds, 4),
        )

    def _rest(self) -> None:
        """Does what can wait, since there is nothing to read."""
        gc.collect(1)
        if self._report is not None:
            self._report.look_at_store()

    def _is_idle(self, seconds: float) -> bool:
        """Whether every owned partition is at its end, or halted.

        The feed is asked for the ends: counts prove nothing.
        """
        owned = self._poller.owned()
        if not owned:
            return seconds > UNOWNED_SECONDS
        owned -= {partition for partition in owned if partition in self._halted}
        ends = self._poller.end_offsets()
        return all(
            partition in ends and self._offset_of(partition) >= ends[partition]
            for partition in owned
        )

    def _offset_of(self, partition: Partition) -> int:
        """The next offset; the stored one for a partition that brought nothing yet."""
        if partition not in self._next:
            self._next.update(self._writer.stored_offsets(self._poller.cluster_id))
        return self._next.get(partition, -1)


@contextmanager
def _tuned() -> Iterator[None]:
    before = sys.getswitchinterval()
    was_enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
        gc.unfreeze()
        if was_enabled:
            gc.enable()
