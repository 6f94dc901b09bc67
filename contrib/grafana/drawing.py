"""Draws each type of panel with matplotlib, as Grafana shows it in its light theme."""

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple, TypeAlias

from matplotlib import dates
from matplotlib.patches import Patch

from grafana.data import Data, Line

# Okabe and Ito's colours, without the yellow, which is hard to see on white.
_LINES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#666666", "#000000")
# On these colours, Grafana writes in black.
_LIGHT = ("#56B4E9", "#F0E442", "#E69F00", "#CC79A7", "#999999")
_TEXT, _GRID = "#24292E", "#E3E5E8"
_UNITS = {
    "celsius": " °C", "percent": " %", "congm3": " g/m³", "volt": " V", "dBm": " dBm", "s": " s",
    "suffix:days": " days",
}  # fmt: skip
_TIMES = ((604800, "weeks"), (86400, "days"), (3600, "hours"), (60, "min"))

Panel = dict[str, Any]
Axes: TypeAlias = Any  # matplotlib has no types here
Draw = Callable[[Axes, Panel, Data, float], None]


class Size(NamedTuple):
    """The size of a panel in inches."""

    width: float
    height: float


def _legend(target: Panel, line: Line) -> str:
    """Return the name of a series, from the legend of its query."""
    text = target.get("legendFormat", "").replace("{{$label}}", "{{room}}")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: line.labels.get(found[1], ""), text).strip()


def _series(panel: Panel, data: Data, hours: float, step_s: int) -> Iterator[tuple[str, Line]]:
    for target in panel["targets"]:
        for line in data.range(target["expr"], hours, step_s):
            yield _legend(target, line), line


def _now(panel: Panel, data: Data) -> Iterator[tuple[str, float]]:
    for target in panel["targets"]:
        for line in data.now(target["expr"]):
            (value,) = line.values.values()
            yield _legend(target, line), value


def _color(panel: Panel, value: float) -> str:
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    limits = [-math.inf if step["value"] is None else step["value"] for step in steps]
    color: str = steps[bisect_right(limits, value) - 1]["color"]
    return color


def _words(value: float, unit: str, decimals: int | None) -> str:
    """Return a value with its unit, as Grafana writes it."""
    if unit == "percentunit":
        value, unit = 100 * value, "percent"
    if unit == "s" and decimals is None:
        factor, name = next((one for one in _TIMES if value >= one[0]), (1, "s"))
        return f"{value / factor:.3g} {name}"
    return f"{value:.{decimals if decimals is not None else 1}f}{_UNITS.get(unit, '')}"


def _moment(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, tz=timezone.utc)


def _time_axis(axes: Axes, hours: float, data_end: float) -> None:
    axes.set_xlim(_moment(data_end - hours * 3600), _moment(data_end))
    is_day = hours <= 24
    axes.xaxis.set_major_locator(dates.HourLocator(byhour=range(0, 24, 4)) if is_day else dates.DayLocator(interval=2))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M" if is_day else "%d %b"))
    axes.tick_params(labelsize=7.5, length=0, colors="#55595F")
    for spine in axes.spines.values():
        spine.set_visible(False)


def _graph(axes: Axes, panel: Panel, data: Data, hours: float) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    is_bars = defaults["custom"].get("drawStyle") == "bars"
    step_s = 900 if is_bars else 600 if "interval" in panel else 120 if hours <= 24 else 3600
    found = list(_series(panel, data, hours, step_s))
    if is_bars:
        found = [(name, line) for name, line in found if any(line.values.values())]
    box = axes.get_position()
    legend = min(0.035 + 0.05 * math.ceil(max(len(found), 1) / 4), 0.3)
    axes.set_position(
        (box.x0 + 0.04, box.y0 + box.height * (legend + 0.1), box.width - 0.05, box.height * (0.88 - legend))
    )
    (_bars if is_bars else _lines)(axes, found, _fixed_colors(panel), step_s)
    _time_axis(axes, hours, data.end)
    axes.grid(visible=True, color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_ylim(bottom=defaults.get("min"), top=defaults.get("max"))
    axes.yaxis.set_major_formatter(lambda value, _position: _tick(value, defaults["unit"]))
    if defaults["custom"].get("thresholdsStyle", {}).get("mode") == "dashed":
        for step in defaults["thresholds"]["steps"][1:]:
            axes.axhline(step["value"], color=step["color"], linewidth=1, linestyle=(0, (5, 4)), zorder=0)
    axes.legend(
        loc="upper left", bbox_to_anchor=(-0.05, -0.1), ncol=4, fontsize=7.5, frameon=False, handlelength=1.2,
        columnspacing=1.2, borderpad=0,
    )  # fmt: skip


def _tick(value: float, unit: str) -> str:
    if unit == "percentunit":
        value, unit = 100 * value, "percent"
    return f"{round(value, 6):g}{_UNITS.get(unit, '')}"


def _fixed_colors(panel: Panel) -> dict[str, str]:
    return {
        override["matcher"]["options"]: override["properties"][0]["value"]["fixedColor"]
        for override in panel["fieldConfig"]["overrides"]
    }


def _lines(axes: Axes, found: Sequence[tuple[str, Line]], fixed: dict[str, str], step_s: int) -> None:
    for number, (name, line) in enumerate(found):
        times, values = _with_gaps(line.values, step_s)
        color = fixed.get(name, _LINES[number % len(_LINES)])
        axes.plot([_moment(at) for at in times], values, color=color, linewidth=1.15, label=name)


def _bars(axes: Axes, found: Sequence[tuple[str, Line]], fixed: dict[str, str], step_s: int) -> None:
    """Draw stacked bars."""
    tops: dict[float, float] = {}
    for number, (name, line) in enumerate(found):
        bottoms = [tops.get(at, 0.0) for at in line.values]
        moments = [_moment(at) for at in line.values]
        color = fixed.get(name, _LINES[number % len(_LINES)])
        axes.bar(moments, list(line.values.values()), step_s / 86400, bottom=bottoms, color=color, label=name)
        tops.update({at: tops.get(at, 0.0) + height for at, height in line.values.items()})


def _with_gaps(values: dict[float, float], step_s: int) -> tuple[list[float], list[float]]:
    """Return times and values, with NaN where points of the graph are missing, as Grafana draws them."""
    times: list[float] = []
    shown: list[float] = []
    for at, value in values.items():
        if times and at - times[-1] > step_s:
            times.append(times[-1] + step_s)
            shown.append(math.nan)
        times.append(at)
        shown.append(value)
    return times, shown


def _tiles(axes: Axes, panel: Panel, data: Data, _hours: float) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    found = list(_now(panel, data))
    axes.set_axis_off()
    box = axes.get_window_extent()
    columns = max(1, min(len(found), round(box.width / 125)))
    rows = math.ceil(len(found) / columns)
    for number, (name, value) in enumerate(found):
        x, y = (number % columns + 0.5) / columns, 1 - (number // columns + 0.5) / rows
        words = _words(value, defaults["unit"], defaults.get("decimals"))
        size = min(17.0, box.width / columns / len(words))
        axes.text(x, y + 0.2 / rows, name, ha="center", va="center", fontsize=8.5, color=_TEXT)
        axes.text(
            x, y - 0.12 / rows, words, ha="center", va="center", fontsize=size, fontweight="bold",
            color=_color(panel, value),
        )  # fmt: skip


def _bar_gauge(axes: Axes, panel: Panel, data: Data, _hours: float) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    box = axes.get_position()
    axes.set_position((box.x0 + 0.065, box.y0, box.width - 0.125, box.height))
    for number, (name, value) in enumerate(reversed(list(_now(panel, data)))):
        axes.barh(number, defaults["max"], color="#EEF0F2", height=0.6)
        axes.barh(number, min(value, defaults["max"]), color=_color(panel, value), height=0.6)
        axes.text(-6, number, name, ha="right", va="center", fontsize=8.5, color=_TEXT)
        words = _words(value, defaults["unit"], defaults.get("decimals"))
        axes.text(defaults["max"] + 6, number, words, va="center", fontsize=9, fontweight="bold", color=_TEXT)
    axes.margins(0)
    axes.set_axis_off()


def _timeline(axes: Axes, panel: Panel, data: Data, hours: float) -> None:
    step_s = 60
    found = list(_series(panel, data, hours, step_s))
    words = _mappings(panel)
    box = axes.get_position()
    left = 0.006 * max(len(name) for name, _line in found) + 0.006
    axes.set_position((box.x0 + left, box.y0 + box.height * 0.2, box.width - left - 0.01, box.height * 0.8))
    used: dict[str, str] = {}
    for number, (name, line) in enumerate(found):
        for start, end, color, word in _spans(panel, words, line, step_s):
            used[word] = color
            begin = dates.date2num(_moment(start))
            axes.broken_barh([(begin, (end - start) / 86400)], (number - 0.4, 0.8), facecolors=color)
        axes.text(-0.006, number, name, ha="right", va="center", fontsize=8.5, transform=axes.get_yaxis_transform())
    axes.invert_yaxis()
    axes.set_yticks([])
    _time_axis(axes, hours, data.end)
    axes.legend(
        handles=[Patch(color=color, label=word) for word, color in used.items()], loc="upper left",
        bbox_to_anchor=(0, -0.1), ncol=8, fontsize=8, frameon=False, handlelength=1.0, columnspacing=1.4, borderpad=0,
    )  # fmt: skip


def _mappings(panel: Panel) -> dict[str, Any]:
    mappings = panel["fieldConfig"]["defaults"].get("mappings") or [{"options": {}}]
    options: dict[str, Any] = mappings[0]["options"]
    return options


def _spans(panel: Panel, words: dict[str, Any], line: Line, step_s: int) -> Iterator[tuple[float, float, str, str]]:
    """Yield the beginning, the end, the colour and the word of each state; equal neighbours are merged."""
    current: tuple[float, float, str, str] | None = None
    for at, value in line.values.items():
        if words:
            option = words[f"{value:.0f}"]
            color, word = option["color"], option["text"]
        else:
            color, word = _color(panel, value), _range_word(panel, value)
        if current and at - current[1] < 1 and color == current[2]:
            current = (current[0], at + step_s, color, word)
        else:
            if current:
                yield current
            current = (at, at + step_s, color, word)
    if current:
        yield current


def _range_word(panel: Panel, value: float) -> str:
    limits = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]][1:]
    place = bisect_right(limits, value)
    if place == 0:
        return f"below {limits[0]} %"
    return f"{limits[place - 1]} – {limits[place]} %" if place < len(limits) else f"above {limits[-1]} %"


def _table(axes: Axes, panel: Panel, data: Data, _hours: float) -> None:
    organize = panel["transformations"][1]["options"]
    titles = organize["renameByName"]
    settings = {
        override["matcher"]["options"]: {one["id"]: one["value"] for one in override["properties"]}
        for override in panel["fieldConfig"]["overrides"]
    }
    rows: dict[str, dict[str, tuple[str, str]]] = {}
    for target in panel["targets"]:
        title = titles[f"Value #{target['refId']}"]
        for line in data.now(target["expr"]):
            (value,) = line.values.values()
            row = rows.setdefault(line.labels["device"], {})
            if "room" in line.labels:
                row["room"] = (line.labels["room"], _TEXT)
            if title in settings:
                row[title] = _cell(settings[title], value)
            row["instance"] = (line.labels["instance"], _TEXT)
    header = ["device", "room", *(title for title in titles.values() if title in settings), "instance"]
    axes.set_axis_off()
    places = [0.0, 0.13, 0.24, 0.43, 0.55, 0.65, 0.74, 0.88]
    for x, title in zip(places, header, strict=True):
        axes.text(x, 0.97, title, va="top", fontsize=8.5, fontweight="bold", color="#1F60C4")
    for number, (device, row) in enumerate(sorted(rows.items())):
        y = 0.86 - number * 0.125
        axes.axhline(y + 0.02, color=_GRID, linewidth=0.8)
        for x, title in zip(places, header, strict=True):
            word, color = (device, "#1F60C4") if title == "device" else row.get(title, ("", _TEXT))
            box = {"facecolor": color, "edgecolor": "none", "pad": 3} if title == "State" and word else None
            shown = "black" if color in _LIGHT else "white"
            axes.text(x, y - 0.05, word, va="center", fontsize=9, color=shown if box else color, bbox=box)


def _cell(settings: dict[str, Any], value: float) -> tuple[str, str]:
    for mapping in settings.get("mappings", []):
        option = mapping["options"][f"{value:.0f}"]
        return option["text"], option["color"]
    steps = settings["thresholds"]["steps"]
    panel = {"fieldConfig": {"defaults": {"thresholds": {"steps": steps}}}}
    return _words(value, settings["unit"], settings.get("decimals")), _color(panel, value)


DRAW: dict[str, Draw] = {
    "timeseries": _graph,
    "stat": _tiles,
    "bargauge": _bar_gauge,
    "state-timeline": _timeline,
    "table": _table,
}
"""Type of panel → the function that draws it."""
