"""`histoire mllp`: HL7 v2 messages over TCP or TLS, each acknowledged; imports sending and ack."""
