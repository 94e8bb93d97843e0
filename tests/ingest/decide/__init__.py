"""What a message does, by what holds when it is decided."""
