"""What is told of a record by a command; imports send, publish and outcomes."""
