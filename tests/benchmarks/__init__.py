"""The instruments of the benchmarks."""
