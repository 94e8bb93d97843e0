"""A message onto the feed through a queue on disk; imports the feed and schemas."""
