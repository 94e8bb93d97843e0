"""Projections: read models folded from the log (decision 0024)."""

from .all_projections import PROJECTIONS, migrate_projections, remove_erased_from_projections
from .audit import ProjectionCheck, timeline_audit

__all__ = [
    "PROJECTIONS",
    "ProjectionCheck",
    "migrate_projections",
    "remove_erased_from_projections",
    "timeline_audit",
]
