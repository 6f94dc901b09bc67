"""
The Grafana dashboard of the exporter, as code: `make dashboard`.

    queries     the PromQL expressions
    panels      panels with the settings that all of them share
    rooms       the rows about rooms and sensors
    health      the rows about reception, silence and the exporter itself
    dashboard   the variables, and the whole dashboard

The other modules draw the pictures of the dashboard for the documentation: `make dashboard-pictures`.

`ble_exporter.json` is the built dashboard, which users import. `docs/grafana.md` describes it.
"""
