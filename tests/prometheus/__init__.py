"""
A real Prometheus scrapes the real exporter: `make test-prometheus`.

    still       an exporter with a capture that has every object once; its values stay, for exact comparison
    street      an exporter with a capture in which one device falls silent; it starts while Prometheus is scraping
    remote      an exporter with a capture of two buttons, each of which is used once
    eventful    an exporter with data for the panels of the Grafana dashboard, at twenty times the speed
    simulation  an exporter with a simulation of three sensors

One Prometheus server scrapes the first four every second. Another one, with the shipped alerts, an Alertmanager and a
webhook, scrapes an exporter whose sensor leaves and returns (test_alerting.py). test_fleet.py and test_web_config.py
start servers of their own. Debian's packages `prometheus` and `prometheus-alertmanager` provide the servers and their
checkers.
"""
