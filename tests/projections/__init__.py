"""What is made from the store: live, replayed, and asked."""
