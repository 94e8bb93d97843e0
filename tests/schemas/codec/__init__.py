"""Bytes of messages and events."""
