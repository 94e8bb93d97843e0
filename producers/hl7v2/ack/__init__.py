"""The ACK of an HL7 v2 message: what it says, which one is asked for; imports message."""
