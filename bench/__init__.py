"""Benchmarks against alternative implementations, run by `make bench`. They print times without limits."""
