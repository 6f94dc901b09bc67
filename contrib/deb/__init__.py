"""Builds a Debian package with the program, its locked libraries, and what belongs to a service: `make deb`."""
