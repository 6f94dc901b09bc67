"""Measurements against what else could do the work: `make bench`. Performance is shown here, never asserted."""
