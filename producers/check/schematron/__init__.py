"""Schematrons and XML schemas on documents; imports findings and schemas/cda."""
