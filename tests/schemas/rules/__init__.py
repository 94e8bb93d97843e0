"""The rules on messages."""
