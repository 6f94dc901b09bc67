"""Draw the rows of the dashboard from their own queries: `make dashboard-pictures`."""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

from grafana.data import Data, history, interpolated
from grafana.drawing import DRAW, Axes, Size

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
_DASHBOARD = Path(__file__).with_name("ble_exporter.json")
_COLORS = 128

# Row → the hours that it shows, and the panels that are left out.
PICTURES: dict[str, tuple[float, Sequence[str]]] = {
    "Rooms at a glance": (24, ()),
    "History": (24, ()),
    "Comfort": (24, ()),
    "Battery": (14 * 24, ()),
    "Reception": (24, ()),
    "Silence": (24, ()),
    # The memory and CPU time of a simulation would mean nothing.
    "Exporter": (24, ("Memory", "CPU time", "Scans", "HTTP errors", "Faults and omissions")),
}

# The size of a unit of Grafana's grid in inches, and the resolution.
_UNIT = (0.46, 0.34)
_DPI = 100
_BACKGROUND = "#F4F5F5"


def draw(rows: dict[str, list[dict[str, Any]]], data: Data, folder: Path) -> None:
    """Draw each row into a PNG file."""
    mpl.rcParams["font.family"] = "DejaVu Sans"
    for title, (hours, left_out) in PICTURES.items():
        panels = [panel for panel in rows[title] if panel["title"] not in left_out]
        top = min(panel["gridPos"]["y"] for panel in panels)
        height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) - top
        figure = Figure(figsize=(24 * _UNIT[0], height * _UNIT[1]), dpi=_DPI, facecolor=_BACKGROUND)
        for panel in panels:
            place = panel["gridPos"]
            area = figure.add_axes(
                (place["x"] / 24, 1 - (place["y"] - top + place["h"]) / height, place["w"] / 24, place["h"] / height)
            )
            size = Size(place["w"] * _UNIT[0], place["h"] * _UNIT[1])
            area.set_axis_off()
            inner = _frame(figure, area, size, interpolated(panel["title"]))
            DRAW[panel["type"]](inner, panel, data, hours)
        path = folder / f"grafana-{title.lower().replace(' ', '-')}.png"
        figure.savefig(path)
        _shrink(path)


def _frame(figure: Figure, area: Axes, size: Size, title: str) -> Axes:
    """Draw the panel's card and its title; return the axes for its content."""
    box = area.get_position()
    gap = (0.05 / figure.get_figwidth(), 0.05 / figure.get_figheight())
    card = mpl.patches.FancyBboxPatch(
        (box.x0 + gap[0], box.y0 + gap[1]),
        box.width - 2 * gap[0],
        box.height - 2 * gap[1],
        boxstyle="square,pad=0",
        transform=figure.transFigure,
        facecolor="white",
        edgecolor="#D5D7DB",
        linewidth=0.8,
        zorder=-1,
    )
    figure.add_artist(card)
    area.text(
        0.12 / size.width, 1 - 0.12 / size.height, title, va="top", fontsize=9.5, fontweight="bold", color="#24292E"
    )
    return figure.add_axes(
        (
            box.x0 + box.width * 0.12 / size.width,
            box.y0 + box.height * 0.12 / size.height,
            box.width * (1 - 0.24 / size.width),
            box.height * (1 - 0.52 / size.height),
        )
    )


def _shrink(path: Path) -> None:
    """Reduce the number of colours, so that the file becomes small."""
    with Image.open(path) as image:
        small = image.convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def rows_of(dashboard: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the panels by the title of their row."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            rows[panel["title"]] = current = []
        else:
            current.append(panel)
    return rows


def main() -> int:
    """Simulate, and draw all pictures."""
    FOLDER.mkdir(exist_ok=True)
    dashboard = json.loads(_DASHBOARD.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder, history(Path(folder)) as data:
        draw(rows_of(dashboard), data, FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
