"""Rules on a document, its metadata and its bytes; imports forms, cda and value sets."""
