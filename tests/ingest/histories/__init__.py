"""Random histories against a naive model."""
