"""Faults of broker, database, disk and processes under load."""
