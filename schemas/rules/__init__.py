"""The rules on messages, one function per rule; imports feed, forms, policy, cda and value sets."""
