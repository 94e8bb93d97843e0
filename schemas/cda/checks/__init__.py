"""What a vendor should know about a document that can be read; imports its reader, and forms."""
