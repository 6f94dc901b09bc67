"""Benchmarks, which `make bench` runs. They print figures, but enforce no limits."""
