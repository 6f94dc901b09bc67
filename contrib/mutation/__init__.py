"""
Mutation testing of `ble_exporter/formats`: change one thing in a module, and see whether a test notices.

cosmic-ray has the operators that are usual (standard.py). What is ours is what it does not have: the tables, which are
most of the truth here, are made of strings, rows and keyword arguments, and it mutates none of them (tables.py). mutmut
mutates functions' bodies alone. And cosmic-ray would change the files in place, one after the other.
"""
