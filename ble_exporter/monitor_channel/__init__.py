"""
Opens the kernel's HCI monitor channel, in this process or in a helper that has the capability for it.

The helper starts for each request, so `channel`, `helper` and `protocol` import only a few small modules.
"""
