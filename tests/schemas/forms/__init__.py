"""Identifiers, times and texts."""
