"""The traps are tried with the messages and the installation of the tests of ingestion."""

from __future__ import annotations

from tests.ingest.conftest import installed, new_site, site

__all__ = ["installed", "new_site", "site"]
