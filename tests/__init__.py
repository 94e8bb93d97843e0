"""The tests, in rooms as the code is; what they share is imported by its full name."""
