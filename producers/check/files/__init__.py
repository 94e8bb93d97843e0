"""Kinds of files that are checked: CDA, HL7 v2, feed message.

Imports rules, remarks, hl7v2, cda, send and schemas.
"""
