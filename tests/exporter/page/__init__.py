"""Tests of the page's files and rows, without a browser."""
