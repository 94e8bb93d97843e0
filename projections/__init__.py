"""Projections: tables computed from the log (decision 0024); imports the store, runtime and feed of
ingestion, and schemas.
"""

from .all_projections import PROJECTIONS, migrate_projections, remove_erased_from_projections
from .audit import ProjectionCheck, timeline_audit

__all__ = [
    "PROJECTIONS",
    "ProjectionCheck",
    "migrate_projections",
    "remove_erased_from_projections",
    "timeline_audit",
]
