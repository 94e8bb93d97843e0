"""What becomes of the bytes of the feed."""
