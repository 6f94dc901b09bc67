"""
The formats that sensors speak, one file each: pure functions, bytes in, values out.

No clock, no log, no I/O and no async in here. A new format is one file in this folder and one row in
`registry.FORMATS`.
"""
