"""The reader of CDA."""
