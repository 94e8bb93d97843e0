"""What an HL7 v2 message asks for: action, patient, document, flags, sender; imports message."""
