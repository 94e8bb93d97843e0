"""The feed as a partitioned log in PostgreSQL; imports `ingest.feed` and runtime."""
