"""Synthetic practice, the same for the same seed; imports publish, registry and schemas."""
