"""Builds a Debian package with the program, its locked libraries, and the files of the service: `make deb`."""
