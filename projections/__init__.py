"""Projections: read models folded from the log (decision 0024)."""

from .audit import ProjectionCheck, timeline_audit
from .registry import PROJECTIONS, forget_in_projections, migrate_projections

__all__ = [
    "PROJECTIONS",
    "ProjectionCheck",
    "forget_in_projections",
    "migrate_projections",
    "timeline_audit",
]
