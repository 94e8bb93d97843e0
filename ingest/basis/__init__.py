"""Reads what the decisions of a batch rest on; imports decide and what is below."""
