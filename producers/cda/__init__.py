"""A CDA file as a deposit; imports schemas."""
