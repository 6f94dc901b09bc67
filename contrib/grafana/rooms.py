"""The rows about rooms and sensors."""

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from grafana import queries
from grafana.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    YELLOW,
    Column,
    Query,
    Scale,
    Text,
    bars_of_now,
    device_table,
    graph,
    states,
    tiles,
)

Panels = list[Builder[models.Panel]]

_CELSIUS = Scale("celsius", decimals=1, steps={None: PURPLE, 4: BLUE, 18: GREEN, 26: ORANGE, 30: VERMILLION})
_PERCENT = Scale("percent", decimals=0, low=0, high=100, steps={None: ORANGE, 30: GREEN, 60: SKY, 70: BLUE})
_BATTERY = Scale(
    "percent", decimals=0, low=0, high=100, steps={None: VERMILLION, queries.LOW_BATTERY: ORANGE, 25: GREEN}
)
_SECONDS = Scale("s", steps={None: GREEN, 600: ORANGE, 3600: VERMILLION})

STATES = Scale(
    "none",
    words={
        0: ("heard", SKY),
        1: ("packets refused", VERMILLION),
        2: ("not listening", YELLOW),
        3: ("never heard", PURPLE),
        4: ("all silent at once", GREY),
        5: ("signal faded", GREEN),
        6: ("battery low", ORANGE),
        7: ("packets stopped", BLUE),
    },
)
"""The numbers of `queries.STATE`. The words and the brightness differ, too, so that nobody depends on the colour."""

_GAPS = "A gap means that nothing was received; no line crosses it. See docs/expiry.md in the exporter's repository."


def at_a_glance() -> Panels:
    """Return the row that shows the present state."""
    return [
        tiles(
            Text(
                "Temperature now",
                "One tile for each sensor that is heard. Purple: below 4 °C, blue: below 18 °C, green: up to 26 °C, "
                "orange: above, dark orange: above 30 °C. A silent sensor has no tile, but a row in the table below.",
                "No sensor is heard",
            ),
            _CELSIUS,
            Query(queries.FIRST_TEMPERATURE),
            width=10,
        ),
        tiles(
            Text(
                "Relative humidity now",
                "One tile for each sensor that is heard. Orange: too dry, below 30 %; green: up to 60 %; blue: humid; "
                "dark blue: above 70 %, where mould may grow on cold walls.",
                "No sensor is heard",
            ),
            _PERCENT,
            Query(queries.FIRST_HUMIDITY),
            width=10,
        ),
        tiles(
            Text("Sensors", "The selected sensors: those in the configuration, those heard, and those silent."),
            Scale("none", decimals=0),
            *(Query(expression, name) for name, expression in queries.DEVICES.items()),
            width=4,
        ),
        device_table(
            Text(
                "All configured sensors",
                "Silent sensors are shown with the reason (docs/silence.md in the exporter's repository). A last "
                "measurement older than a day is not shown. A click on a name opens the exporter's own page.",
                "The exporter has no devices, or is older than the metric ble_sensor_labels_info",
            ),
            [
                Column("Labels", f"group by (instance, device, $label) ({queries.LABELS})", None),
                Column("State", queries.STATE, STATES),
                Column("Temperature", queries.by_device(queries.FIRST_TEMPERATURE), _CELSIUS),
                Column("Humidity", queries.by_device(queries.FIRST_HUMIDITY), _PERCENT),
                Column("Battery", queries.by_device(queries.BATTERY), _BATTERY),
                Column("Last measurement", queries.SECONDS_SINCE_MEASUREMENT, _SECONDS),
            ],
        ),
    ]


def history() -> Panels:
    """Return the row with temperatures and humidities over time."""
    celsius, percent = Scale("celsius", decimals=1), Scale("percent", decimals=0)
    by_position = "{{device}} {{position}}"
    return [
        graph(
            Text("Temperature", f"Every sensor and probe. {_GAPS}"), celsius, Query(queries.TEMPERATURE, by_position)
        ),
        graph(Text("Relative humidity", f"Every sensor. {_GAPS}"), percent, Query(queries.HUMIDITY, by_position)),
        graph(
            Text(
                "Temperature by $label",
                "The mean of the sensors with the same value of the label. Sensors without the label count together. "
                "Labels: docs/configuration.md in the exporter's repository.",
            ),
            celsius,
            Query(queries.per_label(queries.FIRST_TEMPERATURE), "{{$label}}"),
        ),
        graph(
            Text(
                "Relative humidity by $label",
                "The mean of the sensors with the same value of the label. Sensors without the label count together.",
            ),
            percent,
            Query(queries.per_label(queries.FIRST_HUMIDITY), "{{$label}}"),
        ),
    ]


def comfort() -> Panels:
    """Return the row with quantities derived from temperature and humidity."""
    return [
        graph(
            Text(
                "Dew point",
                "Water condenses on surfaces that are colder than this. Computed by the Magnus formula from "
                f"temperature and humidity. {_GAPS}",
                "No sensor sends both temperature and humidity",
            ),
            Scale("celsius", decimals=1),
            Query(queries.DEW_POINT),
        ),
        graph(
            Text(
                "Absolute humidity",
                "The mass of water in the air. Opening a window dries a room if this value is lower outside than "
                f"inside, whatever the relative humidities. {_GAPS}",
                "No sensor sends both temperature and humidity",
            ),
            Scale("congm3", decimals=1),
            Query(queries.ABSOLUTE_HUMIDITY),
        ),
        states(
            Text(
                "Humidity range",
                "Relative humidity in four ranges: below 30 % the air is too dry for people and wood; 30 to 60 % is "
                "comfortable; above 60 % is humid; above 70 % for days, mould may grow.",
                "No sensor sends its humidity",
            ),
            _PERCENT,
            Query(queries.FIRST_HUMIDITY),
        ),
    ]


def battery() -> Panels:
    """Return the row about batteries."""
    return [
        graph(
            Text(
                "Battery",
                "The level that each sensor reports. The dashed lines are at 10 %, where the exporter calls a battery "
                "low, and at 25 %. A coin cell is at its lowest in the cold.",
                "No sensor sends its battery level",
            ),
            _BATTERY,
            Query(queries.BATTERY),
            width=8,
        ),
        graph(
            Text(
                "Battery voltage",
                "The voltage falls more steadily than the level. A CR2032 is empty at about 2.2 V.",
                "No sensor sends its voltage",
            ),
            Scale("volt", decimals=2),
            Query(f"ble_sensor_voltage_volts{{{queries.OF_DEVICE}}}", "{{device}} {{position}}"),
            width=8,
        ),
        bars_of_now(
            Text(
                "Days until the battery is at 10 %",
                "The forecast extends the fall of the last 14 days as a straight line. It exists only for sensors that "
                "are heard, and whose level has fallen by 2 % or more in that time: less is no trend. It is rough "
                "while Prometheus has less than two weeks of history. After a change of the battery, there is no "
                "forecast until the line falls again.",
                "No battery has fallen by 2 % in the last 14 days",
            ),
            Scale("suffix:days", decimals=0, low=0, high=365, steps={None: VERMILLION, 14: ORANGE, 60: BLUE}),
            Query(queries.DAYS_OF_BATTERY),
        ),
    ]
