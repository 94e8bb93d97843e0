"""Projections kept up to date while the log grows; imports notifications, the
root, eventstore, feed and runtime.
"""
