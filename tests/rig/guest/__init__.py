"""Code that runs inside the guest; see ../README.md."""
