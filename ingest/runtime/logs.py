"""Logs: one JSON object per line on stderr, in UTC, with event names and known fields only."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import orjson
import structlog

from .kafka_logs import RateLimit
from .log_privacy import Dropped, Event, FieldGuard, error_class, event_names

__all__ = ["configure_logs", "get_logger"]


def configure_logs(
    *,
    process: str,
    instance: str = "histoire",
    level: str = "info",
    form: str = "json",
    on_dropped: Dropped | None = None,
    stream: TextIO | None = None,
) -> None:
    """All logs of this process, those of libraries included, are written as this module says.

    `form`: json or console. `on_dropped(count)` is told of withheld fields (for the metric).
    """
    guard = FieldGuard(on_dropped)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Constant(process=process, instance=instance),
        error_class,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_json)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            event_names,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _Stderr(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                guard,
                renderer,
            ],
        )
    )
    handler.addFilter(RateLimit("kafka", lines=5, seconds=10.0))
    root = logging.getLogger()
    root.handlers[:] = [*(h for h in root.handlers if not isinstance(h, _Stderr)), handler]
    root.setLevel(level.upper())
    logging.getLogger("kafka").setLevel(max(logging.WARNING, root.level))


def get_logger() -> structlog.stdlib.BoundLogger:
    """A logger: `log.info("batch_stored", records=2000, seconds=0.05)`."""
    if not structlog.is_configured():
        # structlog's own default is free text on stdout, where only data belongs.
        configure_logs(process="library", level="warning")
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("histoire")
    return logger


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to `stream`, or to what stderr is at that moment (it may be replaced meanwhile)."""

    def __init__(self, stream: TextIO | None) -> None:
        logging.Handler.__init__(self)
        self._given = stream

    @property
    def stream(self) -> TextIO:
        return self._given or sys.stderr

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        self._given = stream


class _Constant:
    def __init__(self, **fields: str) -> None:
        self._fields = fields

    def __call__(self, logger: Any, method: str, event: Event) -> Event:
        for name, value in self._fields.items():
            event.setdefault(name, value)
        return event


def _json(event: Any, **options: Any) -> str:
    return orjson.dumps(event, default=str).decode()
