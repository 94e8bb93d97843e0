"""Kinds of files that are checked: CDA, HL7 v2, messages; imports the rooms beside it."""
