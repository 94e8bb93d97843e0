"""Ingestion, the event store and the feed; it imports schemas."""
