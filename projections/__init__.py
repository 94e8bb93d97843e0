"""Projections: read models folded from the log (DESIGN 7)."""

from .registry import PROJECTIONS, migrate_projections

__all__ = ["PROJECTIONS", "migrate_projections"]
