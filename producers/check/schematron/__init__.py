"""Schematrons and XML schemas on documents; imports nothing of ours but findings."""
