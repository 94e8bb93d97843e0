"""HL7 v2 from files and over MLLP."""
