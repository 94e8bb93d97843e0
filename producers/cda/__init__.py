"""A CDA file as a deposit: its metadata, or why it is not sent; imports schemas."""
