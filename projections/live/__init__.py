"""Projections kept up to date as the log grows; imports rebuild and the projections."""
