"""Every metric of the system, declared once, and the endpoint that serves them.

Prefix `histoire_`, base units, labels from closed sets only: topics, partitions, codes, stages,
projections; never an identifier of a person, document or message.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)

from .console import CommandError, Exit

SERVICES = ("feed", "store", "content")

STEP_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
DELAY_BUCKETS = (0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 3600.0)


class Metrics:
    """The metrics of one process, on the registry given. Times are seconds since 1970, UTC."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        # Else each counter has a twin `..._created`, which nobody reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        ProcessCollector(registry=registry)
        self._ingestion()
        self._freshness()
        self._sources()
        self._dead_letters_and_outcomes()
        self._projections()
        self._producers()
        self._process()

    def _ingestion(self) -> None:
        self.messages = self._counter(
            "messages",
            "Messages of the feed by outcome and, when rejected, code.",
            ("topic", "outcome", "code"),
        )
        self.rule_warnings = self._counter(
            "rule_warnings",
            "Rules that messages break without being refused for them, by rule.",
            ("topic", "rule"),
        )
        self.batches = self._counter("batches", "Batches committed to the store.")
        self.events = self._counter("events", "Events appended, by name of the event.", ("name",))
        self.batch_duration = self._histogram(
            "batch_duration_seconds", "From the poll to the commit of one batch."
        )
        self.batch_step_duration = self._histogram(
            "batch_step_duration_seconds", "One step of a batch.", ("step",)
        )
        self.fenced_batches = self._counter(
            "fenced_batches", "Batches dropped because another process had moved the position."
        )
        self.lost_races = self._counter(
            "lost_races", "Batches decided again because what they rested on had changed."
        )
        self.late_batches = self._counter(
            "ingest_late_batches",
            "Batches decided again because something was not read beforehand.",
        )
        self.late_reads = self._counter(
            "ingest_late_reads",
            "What decisions asked for and was not read beforehand, by kind.",
            ("kind",),
        )
        self.unknown_commits = self._counter(
            "unknown_commits", "Connections lost at COMMIT, settled by reading the positions."
        )
        self.rebalances = self._counter(
            "rebalances", "Partitions assigned to, revoked from or lost by this process.", ("kind",)
        )
        self.service_faults = self._counter(
            "service_faults", "Passing faults of a service, tried again.", ("service",)
        )
        for service in SERVICES:  # a series that is there before its first fault has a rate
            self.service_faults.labels(service)
        self.registry_entries = self._gauge(
            "registry_entries",
            "Entries of the registry of software, services and companies, by state.",
            ("kind", "state"),
        )
        self.content_bytes = self._counter(
            "content_bytes", "Document bytes written to the content store, before sealing."
        )
        self.content_objects = self._counter(
            "content_objects", "Documents written to the content store."
        )

    def _freshness(self) -> None:
        self.last_event_timestamp = self._gauge(
            "last_event_timestamp_seconds",
            "Publication time of the newest message that has passed this stage.",
            ("stage", "topic", "partition"),
        )
        self.stage_delay = self._histogram(
            "stage_delay_seconds",
            "From publication until a message has passed this stage.",
            ("stage",),
            DELAY_BUCKETS,
        )
        self.oldest_unprocessed_timestamp = self._gauge(
            "oldest_unprocessed_timestamp_seconds",
            "Publication time of the oldest message still before this stage; 0 when there is none.",
            ("stage", "topic", "partition"),
        )

    def _sources(self) -> None:
        where = ("topic", "partition")
        self.source_position = self._gauge(
            "source_next_offset", "Offset that the store expects next.", where
        )
        self.source_end = self._gauge("source_end_offset", "End of the partition's log.", where)
        self.source_lag = self._gauge(
            "source_lag_messages", "Messages on the feed that the store has not counted yet.", where
        )
        self.source_halted = self._gauge(
            "source_halted",
            "1: the partition cannot be read on until a person decides; the log says why.",
            where,
        )
        self.balance_messages = self._gauge(
            "balance_messages",
            "Balance sheet: fetched = accepted + duplicate + unchanged + rejected.",
            (*where, "kind"),
        )
        self.balance_events = self._gauge(
            "balance_events", "Balance sheet: events appended from this partition.", where
        )
        self.balance_holes = self._gauge(
            "balance_holes", "Balance sheet: offsets without a message; must be 0.", where
        )

    def _dead_letters_and_outcomes(self) -> None:
        self.dead_letters_waiting = self._gauge(
            "dead_letters_waiting", "Dead letters not resolved yet, by code.", ("code",)
        )
        self.dead_letters_oldest = self._gauge(
            "dead_letters_oldest_timestamp_seconds",
            "When the oldest waiting dead letter was received; 0 when none waits.",
        )
        self.dead_letters_resolved = self._counter(
            "dead_letters_resolved",
            "Dead letters retried, decided by themselves, discarded.",
            ("by",),
        )
        self.relay_published = self._counter(
            "relay_published", "Outcomes and notifications put on their topic.", ("topic",)
        )
        self.relay_waiting = self._gauge(
            "relay_waiting",
            "Outcomes or notifications read to be published and not acknowledged yet.",
            ("topic",),
        )
        self.relay_oldest = self._gauge(
            "relay_oldest_timestamp_seconds",
            "When the oldest one not published was written; 0 when none waits.",
            ("topic",),
        )
        self.housekeeping_removed = self._counter(
            "housekeeping_removed",
            "Removed as past its retention: read records of the embedded feed, published outcomes,"
            " document bytes that no event refers to.",
            ("what",),
        )
        self.housekeeping_done = self._gauge(
            "housekeeping_timestamp_seconds", "When housekeeping last did all of its steps."
        )

    def _projections(self) -> None:
        which = ("projection",)
        self.log_position = self._gauge("log_position", "Position of the newest event.")
        self.projection_position = self._gauge(
            "projection_position", "Position up to which the projection has been built.", which
        )
        self.projection_lag = self._gauge(
            "projection_lag_events", "Events that the projection has not seen yet.", which
        )
        self.projection_events = self._counter(
            "projection_events", "Events applied by the projection.", which
        )
        self.projection_errors = self._counter(
            "projection_errors", "Batches that the projection could not apply.", which
        )
        self.projection_batch_duration = self._histogram(
            "projection_batch_duration_seconds", "One transaction of the projection.", which
        )

    def _producers(self) -> None:
        self.publisher_queue = self._gauge(
            "publisher_queue_messages", "Messages of the producer not acknowledged yet."
        )
        self.publisher_oldest = self._gauge(
            "publisher_oldest_timestamp_seconds",
            "When the oldest of them was handed over; 0 when the queue is empty.",
        )
        self.publisher_acknowledged = self._counter(
            "publisher_acknowledged", "Messages that the feed has acknowledged.", ("topic",)
        )
        self.publisher_failures = self._counter(
            "publisher_failures", "Messages the feed refused for themselves, by code.", ("code",)
        )
        self.hl7_messages = self._counter(
            "hl7_messages", "HL7 v2 messages by their acknowledgement.", ("acknowledgement",)
        )
        self.hl7_connections = self._gauge("hl7_connections", "Open MLLP connections.")

    def _process(self) -> None:
        self.heartbeat = self._gauge(
            "heartbeat_timestamp_seconds",
            "When the loop of this process last went round.",
            ("loop",),
        )
        self.log_fields_dropped = self._counter(
            "log_fields_dropped", "Log fields withheld because they are not on the list."
        )
        self.process_up = self._gauge(
            "process_up", "1 while a process of the supervised group runs.", ("process",)
        )
        self.process_restarts = self._counter(
            "process_restarts", "Times a process of the group was started again.", ("process",)
        )
        self.process_stopped = self._gauge(
            "process_stopped",
            "1 when a process of the group stopped itself and is not started again: a person must"
            " decide (rejection limit, halt, wrong settings).",
            ("process",),
        )
        self.process_exit_code = self._gauge(
            "process_exit_code",
            "Exit code of the last end of a process of the group (-9: by signal 9); 0 before.",
            ("process",),
        )
        self.build = Info("histoire_build", "Version of the program.", registry=self.registry)

    def _counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(f"histoire_{name}_total", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(f"histoire_{name}", text, labels, registry=self.registry)

    def _histogram(
        self,
        name: str,
        text: str,
        labels: Sequence[str] = (),
        buckets: Sequence[float] = STEP_BUCKETS,
    ) -> Histogram:
        return Histogram(f"histoire_{name}", text, labels, registry=self.registry, buckets=buckets)


class MetricsEndpoint:
    """A running endpoint; `port` is where it listens."""

    def __init__(self, server: WSGIServer, thread: Thread) -> None:
        self._server = server
        self._thread = thread
        self.port = int(server.server_port)

    def close(self) -> None:
        """Nothing listens afterwards."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve(registry: CollectorRegistry, host: str, port: int) -> MetricsEndpoint:
    """A thread serves `/metrics` of the registry until closed; port 0: any free one.

    Raises CommandError when the address cannot be had. (The caller handles metrics_port = 0, "no
    endpoint".)
    """
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "another program listens there" if taken else str(error.strerror)
        raise CommandError(
            f"the metrics endpoint can't listen on {host}:{port}: {reason}",
            "Set HISTOIRE_METRICS_HOST or HISTOIRE_METRICS_PORT (0: no endpoint).",
            Exit.UNAVAILABLE if taken else Exit.USAGE,
        ) from None
    return MetricsEndpoint(server, thread)
