"""Faults put into a run on purpose; imports plan and the messages of run."""
