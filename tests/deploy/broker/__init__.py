"""The local Kafka and who may do what at it."""
