"""The library that publishes: a durable queue, and what empties it; imports the feed."""
