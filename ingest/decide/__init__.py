"""What a message comes to, given a view of the facts: pure rules; imports facts and schemas."""
