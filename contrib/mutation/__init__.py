"""
Mutation testing of `ble_exporter/formats`: change one thing in a module and see whether a test fails.

docs/adr/0020-own-mutation-runner.md says why no existing tool does it. standard.py takes cosmic-ray's operators;
tables.py adds operators for what cosmic-ray leaves alone: texts, table rows, keyword arguments, statements.
"""
