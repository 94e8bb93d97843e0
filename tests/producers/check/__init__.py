"""`histoire check`."""
