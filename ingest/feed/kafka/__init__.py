"""The feed on a Kafka broker; imports `ingest.feed` and runtime."""
