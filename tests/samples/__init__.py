"""Golden samples, and builders that change what a test is about."""
