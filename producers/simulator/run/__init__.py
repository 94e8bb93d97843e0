"""A run: its messages are paced, sent and kept in a ledger; imports every room beside it."""
