"""Projections kept up to date while the log grows; imports rebuild and the projections."""
