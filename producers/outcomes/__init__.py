"""Reading what became of messages, and telling it; imports the feed."""
