"""The doors of software that speaks HL7 v2; imports send, publish and outcomes."""
