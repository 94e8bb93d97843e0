"""What a CDA file becomes before it is sent."""
