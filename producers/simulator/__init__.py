"""Synthetic practice, the same for the same seed; imports publish, registry,
cda, feed, runtime and schemas.
"""
