"""The durable queue of producers."""
