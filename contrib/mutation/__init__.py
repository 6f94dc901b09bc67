"""
Mutation testing of `ble_exporter/formats`: change one thing in a module and see whether a test fails.

docs/adr/0020-own-mutation-runner.md explains why no existing tool is used. standard.py takes most of cosmic-ray's
operators; tables.py adds others, for texts, table rows, keyword arguments, exceptions and statements.
"""
