"""Kinds of files that are checked: CDA, HL7 v2, feed message; imports rules, remarks and hl7v2."""
