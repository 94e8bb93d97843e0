"""What became of messages: outcomes read from their topic, explained, shown; imports the feed."""
