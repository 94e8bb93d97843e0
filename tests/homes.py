"""Folders of servers that tests start: short, since sockets have short names, and known by run."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

MARK: Final = "TESTS_OF_RUN"
"""In the environment: the run that a process belongs to. Set by `tests.plugins.leftovers`."""
TOP: Final = Path("/tmp")  # noqa: S108 - sockets: a longer name would not fit


def new_home(purpose: str = "test") -> Path:
    """A new folder `/tmp/histoire-RUN-...`. A server below it has no environment of ours."""
    return Path(tempfile.mkdtemp(prefix=f"{begin_of(os.environ.get(MARK, ''))}{purpose}-", dir=TOP))


def begin_of(mark: str) -> str:
    """How the names of the folders of a run begin."""
    return f"histoire-{mark[:6]}-"
