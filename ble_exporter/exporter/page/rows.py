"""
Renders the page with the state at the time of the request; without JavaScript, a browser shows only this state.

With JavaScript, table.js builds the same rows from /status when the table is shown; a test compares both versions.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from html import escape

from ble_exporter.device.events import INFO
from ble_exporter.exporter.page.files import PAGE
from ble_exporter.exporter.page.sorting import Sort
from ble_exporter.status.device_status import DeviceState, Said, Shown
from ble_exporter.system.port import TELEMETRY_PATH
from ble_exporter.utils import in_words, number_of

_SYMBOLS: Mapping[str, str] = {"heard": "●", "late": "◐", "silent": "○", "refused": "✕", "never_heard": "–"}
_ROWS = "\0"
_COLUMNS = ("temperature", "humidity", "battery")
_HEADERS: Mapping[str, str] = {
    "device": "Device",
    "state": "State",
    "age": "Age",
    "temperature": "Temperature",
    "humidity": "Humidity",
    "battery": "Battery",
    "others": "Others",
    "rssi": '<abbr title="received signal strength">RSSI</abbr>',
    "packets": "Packets",
}
_TEXT_COLUMNS = ("device", "state", "others")
# Anyone can send hundreds of names under a sensor's address. The page must stay readable; /status has all of them.
_MOST_OTHERS = 32
_NO_DEVICES = (
    '<tr role="row"><td role="cell" colspan="9">No device is configured. '
    "<code>ble-exporter discover --write config.yaml</code> finds sensors and adds them.</td></tr>"
)


def render(
    version: str,
    devices: Iterable[DeviceState],
    *,
    scan_age_s: float | None,
    not_ready: str | None,
    sort: Sort,
    metrics: str = TELEMETRY_PATH,
) -> Iterator[str]:
    """
    Yield the page as HTML, in small pieces; the pieces yielded before all rows are ready are empty.

    Args:
        version: The version of the exporter.
        devices: The devices in the order of the configuration.
        scan_age_s: Seconds since the last scan ended; None before the first scan has ended.
        not_ready: The reason why /readyz answers 503; None if the exporter is ready.
        sort: The order of the rows.
        metrics: The path of the metrics.
    """
    rows = []
    heard = 0
    for device in devices:
        rows.append((sort.value(device), _row(device)))
        heard += device["state"] == "heard"
        yield ""
    around = PAGE.substitute(
        version=escape(version),
        heard=f"{heard} of {number_of(len(rows), 'device')} heard",
        all=str(heard == len(rows)).lower(),
        scan="" if scan_age_s is None else f"The last scan ended {in_words(scan_age_s)} ago.",
        warning="" if not_ready is None else "Not ready: values may be missing or out of date.",
        reason="" if not_ready is None else f"Reason: {escape(not_ready)}.",
        headers="\n".join(_header(column, text, sort) for column, text in _HEADERS.items()),
        rows=_ROWS,
        metrics=escape(metrics.removeprefix("/")),
    )
    before, after = around.split(_ROWS)
    yield before
    yield from sort.apply(rows) or [_NO_DEVICES]
    yield after


def _header(column: str, text: str, sort: Sort) -> str:
    kind = "" if column in _TEXT_COLUMNS else ' class="number"'
    if column == "others":
        return f'<th role="columnheader" scope="col">{text}</th>'
    direction = "descending" if sort.is_descending else "ascending"
    chosen = f' aria-sort="{direction}"' if column == sort.column else ""
    link = f'<a href="?sort={sort.next(column)}" data-column="{column}">{text}</a>'
    return f'<th role="columnheader" scope="col"{kind}{chosen}>{link}</th>'


def _row(device: DeviceState) -> str:
    readings = {name: shown for name, shown in device["readings"].items() if name not in device["idle_pins"]}
    others = [
        _item(f"{_name(name)} {' '.join(_value_and_raw(shown))}")
        for name, shown in readings.items()
        if name not in _COLUMNS
    ]
    others += [_said(name, said) for name, said in device["others"].items()]
    left_out = len(others) - _MOST_OTHERS
    if left_out > 0:
        others[_MOST_OTHERS:] = [_item(f"and {left_out} more")]
    state, words = _state(device)
    symbol = f'<span class="symbol" aria-hidden="true">{_SYMBOLS[state]}</span>'
    said = f'{symbol} <span class="words">{escape(words)}</span>'
    why = "" if device["silence"] is None else escape(device["silence"]["text"])
    age, rssi = device["age_seconds"], device["rssi_dbm"]
    cells = [
        f'<td role="cell" class="state" data-label="State">{said} <small class="why">{why}</small></td>',
        _cell("age", "–" if age is None else in_words(age)),
        *(_cell(name, *(_value_and_raw(readings[name]) if name in readings else ("–",))) for name in _COLUMNS),
        f'<td role="cell" class="others" data-label="Others"><ul>{"".join(others)}</ul></td>',
        _cell("RSSI", "–" if rssi is None else f"{rssi}\N{NO-BREAK SPACE}dBm"),
        _cell("packets", _packets(device)),
    ]
    name, address = escape(device["name"]), escape(device["address"])
    header = f'<th role="rowheader" scope="row"><bdi>{name}</bdi> <small>{address}</small></th>'
    return f'<tr role="row" data-state="{state}">{header}{"".join(cells)}</tr>'


def _packets(device: DeviceState) -> str:
    """Return the number of packets and, if known, the share of the latest measurements that was heard."""
    measured = device["measurements"]
    if measured is None:
        return str(device["packets"])
    percent = math.floor(100 * measured["recent_share"] + 0.5)
    return f"{device['packets']}, {percent}\N{NO-BREAK SPACE}% heard"


def _state(device: DeviceState) -> tuple[str, str]:
    """Return the state for the symbol and the colour, and its words, without the age, which has its own column."""
    state = device["state"]
    if state not in ("heard", "silent"):
        return state, device["state_text"]
    word = "late" if device["is_late"] else state
    interval_s = device["interval_seconds"]
    if word == "heard" or interval_s is None:
        return word, word
    # A line breaks only after the comma.
    usual = f"usual interval {in_words(interval_s)}".replace(" ", "\N{NO-BREAK SPACE}")
    return word, f"{word}, {usual}"


def _cell(name: str, text: str, more: str = "") -> str:
    label = f"{name[0].upper()}{name[1:]}"
    suffix = f" <small>{more}</small>" if more else ""
    return f'<td role="cell" class="number" data-label="{label}"><span class="value">{text}</span>{suffix}</td>'


def _item(text: str, more: str = "") -> str:
    # `more` is outside the <bdi> element, because `text` can reverse the direction of everything inside.
    suffix = f" <small>{more}</small>" if more else ""
    return f"<li><bdi>{escape(text)}</bdi>{suffix}</li>"


def _said(name: str, said: Said) -> str:
    """Return the list item for a text or an event, with its age; device information is shown without an age."""
    return _item(f"{_name(name)} {said['value']}", "" if name in INFO else f"{in_words(said['age_seconds'])} ago")


def _name(measurement: str) -> str:
    return measurement.replace("_", " ")


def _value_and_raw(shown: Shown) -> list[str]:
    """Return the word or number to show and, if the sensor sent another number, a text with that number."""
    value, raw, unit = shown["value"], shown["raw"], shown["unit"]
    return [shown["text"] or _value(value, unit), *([] if value == raw else [f"(raw {_value(raw, unit)})"])]


def _value(value: float, unit: str) -> str:
    """Return a number with its unit: at most three decimals, or below 1, at most three significant digits."""
    number = f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) >= 1 or value == 0 else f"{value:.3g}"
    return f"{number}\N{NO-BREAK SPACE}{unit}" if unit else number
