"""Dashboard `projections`: from the log to timelines, notifications and national figures."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from .panels import COUNT, OPERATIONS, SECONDS, age, dashboard, figure, on, quantile, rate, row
from .panels import series as lines


def projections() -> Dashboard:
    """The whole dashboard."""
    board = dashboard(
        "histoire-projections",
        "Histoire: projections",
        "How far timelines, notifications and statistics are behind the log, and how fast.",
    )
    for part in (_now, _progress, _reading):
        part(board)
    return board


def _now(board: Dashboard) -> None:
    projected = 'stage="projected"'
    oldest = on("histoire_oldest_unprocessed_timestamp_seconds", projected)
    waiting = f"time() - min({oldest} > 0) or max({oldest}) * 0"
    errors = f"sum(increase({on('histoire_projection_errors_total')}[$__range]))"
    due = on("histoire_relay_oldest_timestamp_seconds", 'topic="notifications"')
    notice = f"time() - min({due} > 0) or max({due}) * 0"
    board.with_row(row("Now"))
    for panel in (
        figure("Timelines behind", "Age of the oldest event that is in no timeline yet.", SECONDS,
               (waiting, "age"), 300),
        figure("Events to apply", "Of the projection that has most before it.", COUNT,
               (f"max({on('histoire_projection_lag_events')})", "events"), 100_000),
        figure("Errors in this time", "Batches that could not be applied, in the time shown.",
               COUNT, (errors, "errors"), 1),
        figure("Oldest notification due", "How long somebody has waited to be told.", SECONDS,
               (notice, "age"), 300),
    ):  # fmt: skip
        board.with_panel(panel)


def _progress(board: Dashboard) -> None:
    duration = "histoire_projection_batch_duration_seconds"
    heartbeat = on("histoire_heartbeat_timestamp_seconds", 'loop="project"')
    board.with_row(row("Progress"))
    for panel in (
        lines("Positions", "Newest event of the log, and how far each projection is.", COUNT,
              (f"max({on('histoire_log_position')})", "log"),
              (f"max by (projection) ({on('histoire_projection_position')})", "{{projection}}")),
        lines("Lag", "Events a projection has not applied.", COUNT,
              (f"max by (projection) ({on('histoire_projection_lag_events')})",
               "{{projection}}")),
        lines("Events applied", "A second.", OPERATIONS,
              (rate("histoire_projection_events_total", "projection"), "{{projection}}")),
        lines("Batch duration", "One transaction, rows and checkpoint.", SECONDS,
              (quantile(0.5, duration, "projection"), "{{projection}} p50"),
              (quantile(0.99, duration, "projection"), "{{projection}} p99")),
        lines("Errors", "Batches that could not be applied: a halted projection tries again and"
              " again.", OPERATIONS,
              (rate("histoire_projection_errors_total", "projection"), "{{projection}}")),
        lines("Heartbeat", "Since the loop last went round.", SECONDS,
              (f"time() - {heartbeat}", "{{process}}")),
    ):  # fmt: skip
        board.with_panel(panel)


def _reading(board: Dashboard) -> None:
    stages = 'stage=~"projected|notified"'
    buckets = rate("histoire_stage_delay_seconds_bucket", "le", "stage", matchers=(stages,))
    board.with_row(row("What people get"))
    for panel in (
        lines("Delay", "From recording until it is in the timeline, or its notification is on its"
              " topic.", SECONDS,
              (f"histogram_quantile(0.5, {buckets})", "{{stage}} p50"),
              (f"histogram_quantile(0.99, {buckets})", "{{stage}} p99")),
        lines("Notifications", "Put on their topic.", OPERATIONS,
              (rate("histoire_relay_published_total", "topic",
                    matchers=('topic="notifications"',)), "{{topic}}")),
        lines("Age of what waits", "Oldest event not in the timelines; oldest notification due.",
              SECONDS,
              (age("histoire_oldest_unprocessed_timestamp_seconds", "stage"), "{{stage}}"),
              (age("histoire_relay_oldest_timestamp_seconds", "topic"), "{{topic}}")),
    ):  # fmt: skip
        board.with_panel(panel)
