"""Messages that the registry takes: reference, withdraw...; imports send, publish, outcomes."""
