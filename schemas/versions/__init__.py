"""Every version of every schema, and the gate between them; imports the Avro types of codec."""
