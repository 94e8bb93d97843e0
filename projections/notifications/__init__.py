"""What is due to whom; imports the root of projections, and the feed."""
