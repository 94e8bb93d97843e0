"""What the reader of CDA remarks, explained by a table; imports schemas."""
