"""Benchmarks of `make bench`, `make bench-peers` and `make bench-fleet`. They print figures, but enforce no limits."""
