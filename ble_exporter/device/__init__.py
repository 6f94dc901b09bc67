"""One configured sensor: everything that is kept about it."""
