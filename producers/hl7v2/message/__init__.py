"""An HL7 v2 message as segments and fields: bytes, character set, MSH, escapes; imports hl7."""
