"""Counts for supervision."""
