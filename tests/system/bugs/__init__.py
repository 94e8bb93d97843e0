"""Bugs and crash points planted into the product, and the tests that each is caught."""
