"""Benchmarks against alternative implementations, run by `make bench`. They print times and assert none."""
