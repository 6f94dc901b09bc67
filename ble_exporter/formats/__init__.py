"""
The advertising formats of sensors, one file each: pure functions from bytes to values.

This folder contains no clock, log, I/O or async code. A new format needs one file here and one row in
`registry.FORMATS`.
"""
