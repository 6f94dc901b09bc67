"""What runs inside the guest; see ../README.md."""
