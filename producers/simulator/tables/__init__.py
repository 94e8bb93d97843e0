"""Sectors, kinds of documents and scenarios as data, one JSON file per sector; imports schemas."""
