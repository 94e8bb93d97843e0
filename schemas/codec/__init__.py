"""Messages and stored events as bytes, and back; imports versions and the table of rules."""
