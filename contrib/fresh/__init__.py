"""Tests the installation on a fresh Debian, and with many versions of pip, while newer releases exist."""
