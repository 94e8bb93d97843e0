"""Projections kept up to date while the log grows; imports notifications, and the root."""
