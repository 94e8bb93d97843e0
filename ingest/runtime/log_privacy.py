"""What a log line may carry: known fields, no matricule, no message of an exception.

A log is read by people who may not know whose documents pass.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable, MutableMapping
from typing import Any

from schemas.forms.identity import MATRICULE_LIKE

FIELDS = frozenset(
    """
    event level timestamp logger process instance version pid command signal
    topic topics partition partitions source offset from_offset next_offset end_offset holes lag
    cluster_id topic_id leader_epoch group bootstrap host port endpoint
    position first_position last_position records messages events bytes count total
    accepted duplicate unchanged rejected fetched code codes rule rule_id share window
    seconds delay_seconds attempt attempts interval_seconds
    stage step projection projection_version rows persons differences
    letter letters message_id schema schema_version fingerprint
    service error sqlstate at reason_code suppressed fields_dropped
    path folder file migration database application state status
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
"""Every field a log line may have; a new one is added here, after asking what it could carry."""

EVENT_NAME = re.compile(r"[a-z][a-z0-9_.]{2,60}")
BLANK = "[withheld]"
Event = MutableMapping[str, Any]
Dropped = Callable[[int], None]


class FieldGuard:
    """Only known fields pass, and no matricule in any; what was dropped is counted."""

    def __init__(self, on_dropped: Dropped | None = None) -> None:
        self._on_dropped = on_dropped

    def __call__(self, logger: Any, method: str, event: Event) -> Event:
        """The line as it may be written, with `fields_dropped` when some were."""
        kept = {name: _safe(value) for name, value in event.items() if name in FIELDS}
        dropped = len(event) - len(kept)
        if dropped:
            kept["fields_dropped"] = dropped
            if self._on_dropped is not None:
                self._on_dropped(dropped)
        return kept


def event_names(logger: Any, method: str, event: Event) -> Event:
    """Our own lines begin with a name, never with free text, which could carry personal data."""
    if not EVENT_NAME.fullmatch(str(event.get("event"))):
        event["event"] = "unnamed_event"
    return event


def error_class(logger: Any, method: str, event: Event) -> Event:
    """An exception is logged by its class and place: its message may hold data (SQL details...)."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else info
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)[-4:]
        event["error"] = type(error).__name__
        event["at"] = [f"{_module(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    return event


def _module(filename: str) -> str:
    return "/".join(filename.split("/")[-2:])


def _safe(value: Any) -> Any:
    match value:
        case bool() | float() | None:
            return value
        case int():
            return BLANK if 10**14 <= value < 10**15 else value
        case str():
            return MATRICULE_LIKE.sub(BLANK, value)
        case BaseException():
            return type(value).__name__
        case list() | tuple() | set() | frozenset():
            return [_safe(item) for item in value]
        case dict():
            return {str(_safe(name)): _safe(item) for name, item in value.items()}
        case bytes() | bytearray() | memoryview():
            return BLANK
        case _:
            return MATRICULE_LIKE.sub(BLANK, str(value))
