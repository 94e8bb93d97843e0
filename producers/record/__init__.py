"""`histoire record`: what somebody declares on a record; imports send, publish and outcomes."""
