"""Which message is sent when; imports population and tables."""
