"""Benchmarks of the path: `make bench`. README.md says how to read them."""
