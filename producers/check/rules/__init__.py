"""The rules of ingestion, every one, on one message; imports schemas."""
