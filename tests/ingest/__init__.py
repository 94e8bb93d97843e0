"""From the feed to the store: what is read, decided, kept and told."""
