"""The variables, and the whole dashboard."""

import json
from collections.abc import Callable

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from grafana import health, queries, rooms
from grafana.panels import DATASOURCE

ROWS: dict[str, Callable[[], rooms.Panels]] = {
    "Rooms at a glance": rooms.at_a_glance,
    "History": rooms.history,
    "Comfort": rooms.comfort,
    "Battery": rooms.battery,
    "Reception": health.reception,
    "Silence": health.silence,
    "Exporter": health.exporter,
}
"""The title of each row, and the function that builds its panels."""

_DESCRIPTION = "Bluetooth thermometers, exported by ble_exporter. docs/grafana.md in its repository describes each row."


def build() -> str:
    """Return the dashboard as JSON, with a line break at the end."""
    board = dashboard.Dashboard("BLE sensors").uid("ble-exporter").description(_DESCRIPTION)
    board.tags(["bluetooth", "ble_exporter"]).editable().tooltip(models.DashboardCursorSync.CROSSHAIR)
    board.time("now-24h", "now").refresh("1m").timezone("browser")
    for variable in _variables():
        board.with_variable(variable)
    for title, panels in ROWS.items():
        board.with_row(dashboard.Row(title))
        for panel in panels():
            board.with_panel(panel)
    built = board.build()
    for number, panel in enumerate(built.panels or (), 1):
        panel.id_val = number
    return json.dumps(built, cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _variables() -> list[dashboard.DatasourceVariable | dashboard.QueryVariable | dashboard.CustomVariable]:
    return [
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        _query(
            "instance", "Exporter", "label_values(ble_exporter_build_info, instance)", "Exporters, by address or name"
        ),
        dashboard.CustomVariable("label")
        .label("Label")
        .description("A label of the devices in the exporter's configuration")
        .values(",".join(queries.LABEL_NAMES))
        .current(models.VariableOption(selected=True, text="room", value="room"))
        .allow_custom_value(allow_custom_value=True),
        # For "All", Grafana uses ".*", which also matches devices without the label; a list of values would not.
        _query(
            "label_value",
            "Label's value",
            'label_values(ble_sensor_labels_info{instance=~"$instance"}, $label)',
            "Shows only devices with this value; All also shows devices without the label",
        ).all_value(".*"),
        # For "All", Grafana lists the devices that this query finds, so choosing a label's value restricts the panels.
        _query(
            "device",
            "Device",
            'label_values(ble_sensor_labels_info{instance=~"$instance", $label=~"$label_value"}, device)',
            "Devices, by their name in the exporter's configuration",
        ),
    ]


def _query(name: str, label: str, query: str, description: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(name).label(label).query(query).description(description).datasource(DATASOURCE)
    variable.multi(multi=True).include_all(include_all=True).sort(models.VariableSort.NATURAL_ASC)
    variable.current(models.VariableOption(selected=True, text=["All"], value=["$__all"]))
    return variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
