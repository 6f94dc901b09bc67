"""
The order of the table's rows, from the query `sort` in the page's address: as configured, or by a column.

`?sort=age` sorts in ascending order, `?sort=-age` in descending order. sort.js sorts the rows in the same way, without
a reload.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ble_exporter.status.device_status import DeviceState, State

_Key = Callable[[DeviceState], float | str | None]

# The devices that need attention come first.
_STATES: Sequence[State] = ("refused", "silent", "never_heard", "heard")


def _reading(name: str) -> _Key:
    return lambda device: device["readings"][name]["value"] if name in device["readings"] else None


def _by_name(device: DeviceState) -> str:
    """Return a sort key that ignores case and accents in the name, and orders numbers in the name by their values."""
    letters = unicodedata.normalize("NFKD", device["name"].casefold())
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub("[0-9]+", lambda digits: digits[0].zfill(20), plain)


def _by_state(device: DeviceState) -> float:
    """Return the rank of the state; a late device comes before the others that are heard."""
    return _STATES.index(device["state"]) - device["is_late"] / 2


def _by_age(device: DeviceState) -> float:
    return math.inf if device["age_seconds"] is None else device["age_seconds"]


_KEYS: Mapping[str, _Key] = {
    "device": _by_name,
    "state": _by_state,
    "age": _by_age,
    "temperature": _reading("temperature"),
    "humidity": _reading("humidity"),
    "battery": _reading("battery"),
    "rssi": lambda device: device["rssi_dbm"],
    "packets": lambda device: device["packets"],
}


class Sort(NamedTuple):
    """A column of the table, and the direction; without a column, the order is that of the configuration."""

    column: str = ""
    is_descending: bool = False

    @classmethod
    def parse(cls, query: str) -> "Sort":
        """Return the order for a query such as "age" or "-age"; the configured order for an unknown column."""
        column = query.removeprefix("-")
        return cls(column, query.startswith("-")) if column in _KEYS else cls()

    def next(self, column: str) -> str:
        """Return the query for a click on a column's header: ascending order, then descending, then as configured."""
        if column != self.column:
            return column
        return "" if self.is_descending else f"-{column}"

    def value(self, device: DeviceState) -> float | str | None:
        """Return the value of a device in the column; None if it has none."""
        return _KEYS[self.column](device) if self.column else None

    def apply(self, rows: Sequence[tuple[float | str | None, str]]) -> list[str]:
        """Return the rows, each given with its device's value, in this order; rows without a value come last."""
        found = [(value, row) for value, row in rows if value is not None]
        found.sort(key=lambda value_and_row: value_and_row[0], reverse=self.is_descending)
        return [*(row for _, row in found), *(row for value, row in rows if value is None)]
