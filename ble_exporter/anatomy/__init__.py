"""
What each byte of a payload means: for people, who want to know why a packet gave these values, or none.

The fields are found by walks of their own, which read the tables of the decoders; the tests hold walk and decoder
together for any payload. The service does not load them.
"""
