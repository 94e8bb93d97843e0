"""The traps are tried with the messages and the installation of the tests of ingestion."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "ingest"))

from tests.ingest.conftest import installed, site  # fixtures

__all__ = ["installed", "site"]
