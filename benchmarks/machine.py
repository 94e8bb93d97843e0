"""On what it ran: versions, the settings in force, and what else the machine was doing."""

from __future__ import annotations

import os
import platform
import re
import time
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from ingest.runtime.postgres.configuration import memory_bytes

from .cpu import Meter
from .harness import run_between
from .place import JARS, Place

DISTRIBUTIONS: Final = ("histoire", "kafka-python", "fastavro", "psycopg", "cryptography", "orjson")
SERVER: Final = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "wal_compression",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
    "data_checksums",
    "io_method",
    "jit",
)
LOOK_SECONDS: Final = 1.0


def machine() -> dict[str, Any]:
    """The machine and what it is busy with now; takes a second. Call it before anything runs."""
    meter = Meter({})
    begin = meter.mark()
    time.sleep(LOOK_SECONDS)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_gib": round(memory_bytes() / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "other_work_cores": round(run_between(begin, meter.mark(), 1).other, 2),
        "versions": {name: metadata.version(name) for name in DISTRIBUTIONS},
    }


def in_force(place: Place) -> dict[str, Any]:
    """Settings of the servers and of the path."""
    settings = place.settings()
    return {
        "file_system": file_system(place.home),
        "kafka": kafka_version() if place.broker is not None else place.no_broker,
        "partitions": place.partitions,
        "batch_max_records": settings.batch_max_records,
        "batch_max_bytes": int(settings.batch_max_bytes),
        "projection_batch": settings.projection_batch,
        "postgresql": place.server_settings(SERVER),
    }


def file_system(path: Path) -> str:
    """Type of the file system that holds the path: on tmpfs an fsync proves nothing."""
    best = ("", "unknown")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mounted, kind, *_ = line.split()
        folder = mounted.encode().decode("unicode_escape")
        if path.is_relative_to(folder) and len(folder) >= len(best[0]):
            best = (folder, kind)
    return best[1]


def kafka_version() -> str:
    """Version of the broker's jar."""
    for jar in JARS.glob("kafka_2.13-*.jar"):
        return jar.name.removeprefix("kafka_2.13-").removesuffix(".jar")
    return "unknown"


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()
