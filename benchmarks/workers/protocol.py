"""What a worker is told and what it answers."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import orjson

from benchmarks.cpu import Mark, Meter


def task() -> dict[str, Any]:
    """What this process is to do."""
    told: dict[str, Any] = orjson.loads(sys.argv[1])
    return told


def meter_of(told: Mapping[str, Any]) -> Meter:
    """Of this process, and of the server and broker it was told of."""
    return Meter(dict(told["groups"]) | {"python": [os.getpid()]})


def answer(begin: Mark, end: Mark, count: int, *, data: int = 0, **facts: Any) -> None:
    """The last line: `count` things, `data` bytes of them, between two marks."""
    line = {
        "begin": begin.as_json(),
        "end": end.as_json(),
        "count": count,
        "bytes": data,
        "facts": facts,
    }
    print(orjson.dumps(line).decode(), flush=True)
