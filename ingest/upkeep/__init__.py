"""What runs beside ingestion: audit, relay, housekeeping, listings; imports facts, read and what is
below.
"""
