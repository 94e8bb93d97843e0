"""What a message comes to, given the facts: pure rules; imports facts, and messages from read."""
