"""Remarks of the reader of CDA: the table that explains them, and its page; imports schemas."""
