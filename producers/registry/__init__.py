"""What the registry of software is told; imports publish, send and outcomes."""
