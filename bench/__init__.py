"""Benchmarks, which `make bench` runs. They print figures without limits."""
