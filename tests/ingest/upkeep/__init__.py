"""Audit, relay, sweep and erasure."""
