"""
A real Prometheus scrapes the real exporter: `make test-prometheus`.

    still       an exporter on a capture that sends every object once and ends; its values stand, to be compared exactly
    street      an exporter on a capture in which one device falls silent; started when Prometheus is already scraping
    simulation  an exporter on a simulation of three sensors

One Prometheus scrapes the first two, every second. Debian's package `prometheus` has it, and promtool.
"""
