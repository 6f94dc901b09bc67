"""
Renders the table's rows as they are at the time of the request; without JavaScript, a browser shows only these.

With JavaScript, script.js then builds the same rows from /status; a test compares both versions.
"""

from collections.abc import Iterable, Iterator, Mapping
from html import escape

from ble_exporter.device.events import INFO
from ble_exporter.exporter.page.files import PAGE
from ble_exporter.status.device_status import DeviceState, Said, Shown, State
from ble_exporter.utils import in_words

_SYMBOLS: Mapping[State, str] = {"heard": "●", "silent": "○", "refused": "✕", "never_heard": "–"}
_ROWS = "\0"
_COLUMNS = ("temperature", "humidity", "battery")
# Anyone can send hundreds of names under a sensor's address. The page must stay readable; /status has all of them.
_MOST_OTHERS = 32


def render(version: str, heard: str, devices: Iterable[DeviceState]) -> Iterator[str]:
    """Yield the page as HTML, in one piece for each device; `heard` is a sentence about the last scan."""
    around = PAGE.substitute(version=escape(version), heard=escape(heard), rows=_ROWS)
    before, after = around.split(_ROWS)
    yield before
    for device in devices:
        yield f"{_row(device)}\n"
    yield after


def _row(device: DeviceState) -> str:
    readings = device["readings"]
    others = [_item(f"{_name(name)} {_value(shown)}") for name, shown in readings.items() if name not in _COLUMNS]
    others += [_said(name, said) for name, said in device["others"].items()]
    left_out = len(others) - _MOST_OTHERS
    if left_out > 0:
        others[_MOST_OTHERS:] = [_item(f"and {left_out} more")]
    age, rssi = device["age_seconds"], device["rssi_dbm"]
    cells = [
        _state(device),
        _cell("age", "–" if age is None else in_words(age)),
        *(_cell(name, _value(readings[name]) if name in readings else "–") for name in _COLUMNS),
        f'<td role="cell" class="others" data-label="Others"><ul>{"".join(others)}</ul></td>',
        _cell("RSSI", "–" if rssi is None else f"{rssi}\N{NO-BREAK SPACE}dBm"),
        _cell("packets", str(device["packets"])),
    ]
    name, address = escape(device["name"]), escape(device["address"])
    header = f'<th role="rowheader" scope="row"><bdi>{name}</bdi> <small>{address}</small></th>'
    return f'<tr role="row" data-state="{device["state"]}">{header}{"".join(cells)}</tr>'


def _state(device: DeviceState) -> str:
    symbol = f'<span class="symbol" aria-hidden="true">{_SYMBOLS[device["state"]]}</span>'
    words = f'<span class="words">{escape(device["state_text"])}</span>'
    return f'<td role="cell" class="state" data-label="State">{symbol} {words}</td>'


def _cell(name: str, text: str) -> str:
    label = f"{name[0].upper()}{name[1:]}"
    return f'<td role="cell" class="number" data-label="{label}"><span class="value">{text}</span></td>'


def _item(text: str, more: str = "") -> str:
    # `more` is outside the <bdi> element, because `text` can reverse the direction of everything inside.
    suffix = f" <small>{more}</small>" if more else ""
    return f"<li><bdi>{escape(text)}</bdi>{suffix}</li>"


def _said(name: str, said: Said) -> str:
    """Return the list item for a text or an event, with its age; device information is shown without an age."""
    return _item(f"{_name(name)} {said['value']}", "" if name in INFO else f"{in_words(said['age_seconds'])} ago")


def _name(measurement: str) -> str:
    return measurement.replace("_", " ")


def _value(shown: Shown) -> str:
    """Return a binary value's word, or a number with its unit: three decimals, or three significant digits below 1."""
    if shown["text"]:
        return shown["text"]
    value = shown["value"]
    number = f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) >= 1 or value == 0 else f"{value:.3g}"
    return f"{number}\N{NO-BREAK SPACE}{shown['unit']}" if shown["unit"] else number
