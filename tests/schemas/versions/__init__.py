"""The folder of schemas and how they may change."""
