"""`histoire send`."""
