"""The commands of ingestion and of those who look after it; imports every room of ingest."""
