"""The Kafka that all workers of a run share, and its jars."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from deploy.broker.artefacts import libraries
from ingest.runtime.folders import exclusive

HOME: Final = pytest.StashKey[Path]()
"""Set by `tests.plugins.side_by_side`."""


def broker_home(config: pytest.Config) -> Path:
    """The folder of the broker that all workers of this run share."""
    return config.stash[HOME]


def kafka_libraries(config: pytest.Config) -> Path:
    """Where Kafka's jars lie: fetched by one worker while the others wait, kept between runs."""
    folder = config.cache.mkdir("kafka")
    with exclusive(folder / "lock"):
        return libraries(folder / "lib")
