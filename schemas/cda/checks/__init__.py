"""Remarks on a document that can be read; imports its reader, forms and value sets."""
