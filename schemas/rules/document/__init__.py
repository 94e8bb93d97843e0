"""Rules on a document, its metadata and its bytes; imports feed, forms, cda and value sets."""
