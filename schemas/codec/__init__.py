"""Messages and stored events written as bytes and read; imports versions and the table of rules."""
