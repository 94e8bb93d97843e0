"""Dashboard `feed`: from the producers' queues to the store and the outcomes."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from .panels import (
    BYTES,
    BYTES_A_SECOND,
    COUNT,
    OPERATIONS,
    SECONDS,
    age,
    dashboard,
    figure,
    on,
    quantile,
    rate,
    row,
    series,
)


def feed() -> Dashboard:
    """The whole dashboard."""
    board = dashboard(
        "histoire-feed",
        "Histoire: feed",
        "What producers hand over, and what becomes of it until it is stored and answered.",
    )
    for part in (_now, _messages, _freshness, _batches, _order, _letters, _producers, _processes):
        part(board)
    return board


def _of_topics(gauge: str) -> str:
    """A gauge per partition, which several processes may know, summed by topic."""
    return f"sum by (topic) (max by (topic, partition) ({on(gauge)}))"


def _now(board: Dashboard) -> None:
    stopped = f"sum({on('histoire_process_stopped')})"
    letters = f"sum(max by (code) ({on('histoire_dead_letters_waiting')})) or vector(0)"
    holes = f"sum(max by (topic, partition) ({on('histoire_balance_holes')}))"
    oldest = f"max({age('histoire_oldest_unprocessed_timestamp_seconds', 'stage')})"
    silent = f"count({on('histoire_process_answering')} == 0) or vector(0)"
    board.with_row(row("Now"))
    for panel in (
        figure("Oldest unprocessed", "Age of the oldest message or event that waits, whatever the"
               " stage.", SECONDS, (oldest, "age"), 300),
        figure("Stopped processes", "Processes that wait for a person.", COUNT,
               (stopped, "stopped"), 1),
        figure("Silent processes", "Processes whose endpoint does not answer.", COUNT,
               (silent, "silent"), 1),
        figure("Dead letters", "Rejected messages nobody has decided about.", COUNT,
               (letters, "waiting"), 1000),
        figure("Holes", "Offsets without a message, of all partitions; must be 0.", COUNT,
               (holes, "holes"), 1),
        figure("Messages", "Messages stored or rejected a second.", OPERATIONS,
               (rate("histoire_messages_total"), "messages"), 1e9),
    ):  # fmt: skip
        board.with_panel(panel)


def _messages(board: Dashboard) -> None:
    rejected = ('outcome="rejected"',)
    board.with_row(row("Messages"))
    for panel in (
        series("Messages by outcome", "Answers a second: accepted, duplicate, unchanged, rejected.",
               OPERATIONS, (rate("histoire_messages_total", "outcome"), "{{outcome}}")),
        series("Rejected by code", "A jump is usually one software in a new version.", OPERATIONS,
               (rate("histoire_messages_total", "topic", "code", matchers=rejected),
                "{{topic}} {{code}}")),
        series("Warnings by rule", "Rules broken by messages that were taken all the same.",
               OPERATIONS, (rate("histoire_rule_warnings_total", "topic", "rule"),
                            "{{topic}} {{rule}}")),
        series("Registry", "Referenced software and services, certified companies, by state; a kind"
               " without entries refuses nobody.", COUNT,
               (f"max by (kind, state) ({on('histoire_registry_entries')})",
                "{{kind}} {{state}}")),
        series("Balance", "Messages fetched of each topic since the beginning, by what became of"
               " them.", COUNT,
               (f"sum by (topic, kind) (max by (topic, partition, kind)"
                f" ({on('histoire_balance_messages')}))", "{{topic}} {{kind}}"),
               (_of_topics("histoire_balance_events"), "{{topic}} events")),
        series("Events appended", "By name of the event.", OPERATIONS,
               (rate("histoire_events_total", "name"), "{{name}}")),
        series("Document bytes", "Written to the content store.", BYTES_A_SECOND,
               (rate("histoire_content_bytes_total"), "bytes")),
        series("Documents written", "Objects put into the content store.", OPERATIONS,
               (rate("histoire_content_objects_total"), "documents")),
    ):  # fmt: skip
        board.with_panel(panel)


def _freshness(board: Dashboard) -> None:
    newest = f"max by (stage) ({on('histoire_last_event_timestamp_seconds')})"
    delay = "histoire_stage_delay_seconds"
    board.with_row(row("Freshness"))
    for panel in (
        series("Age of what waits", "The oldest message or event before each stage; 0: nothing"
               " waits.", SECONDS,
               (age("histoire_oldest_unprocessed_timestamp_seconds", "stage"), "{{stage}}")),
        series("Delay", "From publication (from recording, after the store) until a stage is"
               " passed.", SECONDS,
               (quantile(0.5, delay, "stage"), "{{stage}} p50"),
               (quantile(0.99, delay, "stage"), "{{stage}} p99")),
        series("Newest message", "How long ago the newest message that passed each stage was"
               " published; grows when nothing arrives.", SECONDS,
               (f"time() - {newest}", "{{stage}}")),
        series("Lag", "Messages on the feed that the store has not counted.", COUNT,
               (_of_topics("histoire_source_lag_messages"), "{{topic}}")),
        series("Halted partitions", "Not read on until a person decides: histoire positions show.",
               COUNT, (_of_topics("histoire_source_halted"), "{{topic}}")),
        series("Offsets", "End of the log and what the store expects next, all partitions of a"
               " topic.", COUNT,
               (_of_topics("histoire_source_end_offset"), "{{topic}} end"),
               (_of_topics("histoire_source_next_offset"), "{{topic}} next")),
        series("Heartbeats", "Since each loop last went round.", SECONDS,
               (f"time() - {on('histoire_heartbeat_timestamp_seconds')}", "{{process}} {{loop}}")),
    ):  # fmt: skip
        board.with_panel(panel)


def _batches(board: Dashboard) -> None:
    duration, step = "histoire_batch_duration_seconds", "histoire_batch_step_duration_seconds"
    board.with_row(row("Batches"))
    for panel in (
        series("Batch duration", "From the poll to the commit.", SECONDS,
               (quantile(0.5, duration), "p50"), (quantile(0.99, duration), "p99")),
        series("Steps", "Time spent in each step, per second: what ingestion is busy with.",
               SECONDS, (rate(f"{step}_sum", "step"), "{{step}}")),
        series("Messages of a batch", "Mean.", COUNT,
               (f"{rate('histoire_messages_total')} / {rate('histoire_batches_total')}",
                "messages")),
    ):  # fmt: skip
        board.with_panel(panel)


def _order(board: Dashboard) -> None:
    board.with_row(row("Owners and faults"))
    for panel in (
        series("Service faults", "Passing faults of feed, store and content store, tried again.",
               OPERATIONS, (rate("histoire_service_faults_total", "service"), "{{service}}")),
        series("Owners", "Partitions assigned and revoked; batches fenced off.", OPERATIONS,
               (rate("histoire_rebalances_total", "kind"), "{{kind}}"),
               (rate("histoire_fenced_batches_total"), "fenced batches")),
        series("Late reads", "What decisions asked for and was not read beforehand.", OPERATIONS,
               (rate("histoire_ingest_late_reads_total", "kind"), "{{kind}}")),
        series("Decided again", "Batches decided again after a lost race or a late read; commits"
               " whose answer was lost.", OPERATIONS,
               (rate("histoire_lost_races_total"), "lost races"),
               (rate("histoire_ingest_late_batches_total"), "late reads"),
               (rate("histoire_unknown_commits_total"), "unknown commits")),
    ):  # fmt: skip
        board.with_panel(panel)


def _letters(board: Dashboard) -> None:
    board.with_row(row("Dead letters and outcomes"))
    for panel in (
        series("Dead letters waiting", "By code.", COUNT,
               (f"max by (code) ({on('histoire_dead_letters_waiting')})", "{{code}}")),
        series("Oldest dead letter", "How long it has waited; 0: none waits.", SECONDS,
               (age("histoire_dead_letters_oldest_timestamp_seconds"), "age")),
        series("Dead letters resolved", "Accepted since, in the batch that brought what they waited"
               " for.", OPERATIONS,
               (rate("histoire_dead_letters_resolved_total", "by"), "{{by}}")),
        series("Published", "Outcomes and notifications put on their topic.", OPERATIONS,
               (rate("histoire_relay_published_total", "topic"), "{{topic}}")),
        series("To be published", "Read to be published and not acknowledged yet.", COUNT,
               (f"max by (topic) ({on('histoire_relay_waiting')})", "{{topic}}")),
        series("Oldest to be published", "How long it has waited; 0: nothing waits.", SECONDS,
               (age("histoire_relay_oldest_timestamp_seconds", "topic"), "{{topic}}")),
        series("Past its retention", "Removed from the embedded feed, outcomes and document bytes.",
               OPERATIONS, (rate("histoire_housekeeping_removed_total", "what"), "{{what}}")),
        series("Housekeeping", "Since it last did all of its steps; each hour.", SECONDS,
               (age("histoire_housekeeping_timestamp_seconds"), "age")),
    ):  # fmt: skip
        board.with_panel(panel)


def _producers(board: Dashboard) -> None:
    board.with_row(row("Producers that serve their metrics"))
    for panel in (
        series("Queue", "Messages on the producer's disk, not acknowledged yet.", COUNT,
               (f"max by (instance) ({on('histoire_publisher_queue_messages')})", "{{instance}}")),
        series("Oldest in the queue", "How long it has waited; 0: the queue is empty.", SECONDS,
               (age("histoire_publisher_oldest_timestamp_seconds", "instance"), "{{instance}}")),
        series("Answers of the feed", "Acknowledged by topic, refused by code.", OPERATIONS,
               (rate("histoire_publisher_acknowledged_total", "topic"), "{{topic}}"),
               (rate("histoire_publisher_failures_total", "code"), "refused: {{code}}")),
        series("HL7 v2", "Messages by acknowledgement: AA taken, AE refused, AR not for this door"
               " or not answered in time.", OPERATIONS,
               (rate("histoire_hl7_messages_total", "acknowledgement"), "{{acknowledgement}}")),
        series("HL7 v2 connections", "Open ones.", COUNT,
               (f"max by (instance) ({on('histoire_hl7_connections')})", "{{instance}}")),
    ):  # fmt: skip
        board.with_panel(panel)


def _processes(board: Dashboard) -> None:
    version = on("histoire_build_info", 'version!=""')
    board.with_row(row("Processes"))
    for panel in (
        series("Processor", "Cores used.", COUNT,
               (rate("process_cpu_seconds_total", "process"), "{{process}}")),
        series("Memory", "Resident.", BYTES,
               (f"sum by (process) ({on('process_resident_memory_bytes')})", "{{process}}")),
        series("State", "Endpoint answers (1) or not (0); running (1) or not (0); restarts;"
               " the exit code of the last end.", COUNT,
               (f"min by (process) ({on('histoire_process_answering')})", "{{process}} answers"),
               (f"min by (process) ({on('histoire_process_up')})", "{{process}} runs"),
               (f"max by (process) ({on('histoire_process_restarts_total')})",
                "{{process}} restarts"),
               (f"max by (process) ({on('histoire_process_exit_code')})",
                "{{process}} last exit code")),
        series("Log fields withheld", "Not on the list of what a log may carry; 0 in a sound"
               " version.", OPERATIONS,
               (rate("histoire_log_fields_dropped_total", "process"), "{{process}}")),
        series("Version", "Of the program.", COUNT,
               (f"count by (version) ({version})", "{{version}}")),
    ):  # fmt: skip
        board.with_panel(panel)
