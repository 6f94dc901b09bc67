"""Panels with the settings that all panels of the dashboard share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as prometheus_models

from grafana.queries import LABEL_NAMES

# The colours of Okabe and Ito, which people with the common kinds of colour blindness can tell apart.
BLUE, SKY, GREEN = "#0072B2", "#56B4E9", "#009E73"
ORANGE, VERMILLION, PURPLE, YELLOW, GREY = "#E69F00", "#D55E00", "#CC79A7", "#F0E442", "#999999"

DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="$datasource")

# The builders of the panel types have the same methods, but no common type.
Builder = TypeVar("Builder", bargauge.Panel, stat.Panel, statetimeline.Panel, table.Panel, timeseries.Panel)


@dataclass(frozen=True)
class Query:
    """An expression, and the legend of its series."""

    expression: str
    legend: str = "{{device}}"


@dataclass(frozen=True)
class Text:
    """The texts of a panel: its information sign shows `description`; without any series, the panel shows `empty`."""

    title: str
    description: str
    empty: str = "No data"


@dataclass(frozen=True)
class Scale:
    """
    The unit, the range and the colours of values.

    Attributes:
        steps: Lower limit → colour from there on; None is the colour below all limits.
        words: Value → its word and colour.
    """

    unit: str
    decimals: int | None = None
    low: float | None = None
    high: float | None = None
    steps: Mapping[float | None, str] = field(default_factory=dict)
    words: Mapping[int, tuple[str, str]] = field(default_factory=dict)


def graph(
    text: Text,
    scale: Scale,
    *queries: Query,
    colors: Mapping[str, str] | None = None,
    bars: bool = False,
    least_interval: str = "",
    width: int = 12,
) -> timeseries.Panel:
    """
    Return a graph over time.

    `colors` maps the fixed names of series to colours. `least_interval` is the minimum time between two points, for
    noisy values.
    """
    panel = _panel(timeseries.Panel(), text, scale, queries, (width, 9))
    panel.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
    # A sensor that is silent has no samples; a line across that time would show temperatures that nobody measured.
    panel.span_nulls(False)
    panel.show_points(common_models.VisibilityMode.AUTO)
    panel.draw_style(common_models.GraphDrawStyle.BARS if bars else common_models.GraphDrawStyle.LINE)
    if least_interval:
        panel.interval(least_interval)
    panel.line_width(1).fill_opacity(60 if bars else 0)
    if bars:
        panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if scale.steps:
        style = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
        panel.thresholds_style(style)
    # The legend has no "last" value: for a silent sensor, it would be an old one.
    calculations = ["sum"] if bars else ["min", "mean", "max"]
    panel.legend(_legend().calcs(calculations))
    panel.tooltip(
        common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI).sort(common_models.SortOrder.DESCENDING)
    )
    for name, color in (colors or {}).items():
        fixed = {"mode": "fixed", "fixedColor": color}
        panel.override_by_name(name, [models.DynamicConfigValue(id_val="color", value=fixed)])
    return panel


def tiles(text: Text, scale: Scale, *queries: Query, width: int = 8, height: int = 7) -> stat.Panel:
    """Return one tile with a large number for each series, as of now: a silent sensor has no tile."""
    panel = _panel(stat.Panel(), text, scale, queries, (width, height), is_instant=True)
    panel.color_mode(common_models.BigValueColorMode.VALUE).graph_mode(common_models.BigValueGraphMode.NONE)
    panel.text_mode(common_models.BigValueTextMode.VALUE_AND_NAME)
    panel.reduce_options(common.ReduceDataOptions().calcs(["last"]))
    return panel


def bars_of_now(text: Text, scale: Scale, *queries: Query, width: int = 8) -> bargauge.Panel:
    """Return one horizontal bar for each series, as of now."""
    panel = _panel(bargauge.Panel(), text, scale, queries, (width, 9), is_instant=True)
    panel.orientation(common_models.VizOrientation.HORIZONTAL)
    panel.display_mode(common_models.BarGaugeDisplayMode.BASIC)
    panel.reduce_options(common.ReduceDataOptions().calcs(["last"]))
    return panel


def states(text: Text, scale: Scale, *queries: Query, width: int = 24) -> statetimeline.Panel:
    """Return a coloured bar over time for each series."""
    panel = _panel(statetimeline.Panel(), text, scale, queries, (width, 9))
    panel.merge_values(True).row_height(0.8).fill_opacity(85).line_width(0)
    panel.show_value(common_models.VisibilityMode.AUTO)
    panel.legend(_legend())
    return panel


@dataclass(frozen=True)
class Column:
    """A column of a table: an instant query, and how its values are shown; without a scale, the column is hidden."""

    title: str
    expression: str
    scale: Scale | None


def device_table(text: Text, columns: Sequence[Column], *, width: int = 24) -> table.Panel:
    """Return a table with a row for each device; the labels `instance` and `device` join the columns."""
    panel = _panel(table.Panel(), text, Scale("none"), (), (width, 9))
    values = {}
    for letter, column in zip("ABCDEFGHIJ", columns, strict=False):
        query = _query(Query(column.expression, ""), letter, is_instant=True)
        panel.with_target(query.format(prometheus_models.PromQueryFormat.TABLE))
        values[f"Value #{letter}"] = column
        if column.scale:
            panel.override_by_name(column.title, list(_cell(column.scale)))
    page = {"title": "Open the exporter's page", "url": "http://${__data.fields.instance}/", "targetBlank": True}
    panel.override_by_name("device", [models.DynamicConfigValue(id_val="links", value=[page])])
    panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    hidden = ["Time", *(name for name, column in values.items() if column.scale is None)]
    organize = {
        "excludeByName": dict.fromkeys(hidden, True),
        "indexByName": {name: place for place, name in enumerate(["device", *LABEL_NAMES, *values, "instance"])},
        "renameByName": {name: column.title for name, column in values.items()},
    }
    panel.with_transformation(models.DataTransformerConfig(id_val="organize", options=organize))
    return panel.cell_height(common_models.TableCellHeight.SM)


def _panel(
    panel: Builder,
    text: Text,
    scale: Scale,
    queries: Sequence[Query],
    size: tuple[int, int],
    *,
    is_instant: bool = False,
) -> Builder:
    """Give a panel the settings that all panels have; `size` is its width and height on Grafana's grid."""
    panel.title(text.title).description(text.description).no_value(text.empty).datasource(DATASOURCE)
    panel.unit(scale.unit).span(size[0]).height(size[1])
    panel.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    panel.thresholds(_thresholds(scale))
    if scale.decimals is not None:
        panel.decimals(scale.decimals)
    if scale.low is not None:
        panel.min(scale.low)
    if scale.high is not None:
        panel.max(scale.high)
    if scale.words:
        panel.mappings([models.ValueMap(_words(scale))])
    for letter, query in zip("ABCDEFGHIJ", queries, strict=False):
        panel.with_target(_query(query, letter, is_instant=is_instant))
    return panel


def _query(query: Query, letter: str, *, is_instant: bool) -> prometheus.Dataquery:
    built = prometheus.Dataquery().expr(query.expression).ref_id(letter).datasource(DATASOURCE)
    if query.legend:
        built.legend_format(query.legend)
    return built.instant() if is_instant else built.range()


def _thresholds(scale: Scale) -> dashboard.ThresholdsConfig:
    steps = [models.Threshold(value=limit, color=color) for limit, color in (scale.steps or {None: BLUE}).items()]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _words(scale: Scale) -> dict[str, models.ValueMappingResult]:
    return {
        str(value): models.ValueMappingResult(text=word, color=color, index=index)
        for index, (value, (word, color)) in enumerate(scale.words.items())
    }


def _cell(scale: Scale) -> Sequence[models.DynamicConfigValue]:
    """Return the settings of a column's cells."""
    thresholds = _thresholds(scale).build()
    settings = {"unit": scale.unit, "color": {"mode": "thresholds"}, "thresholds": thresholds}
    if scale.decimals is not None:
        settings["decimals"] = scale.decimals
    if scale.words:
        settings["mappings"] = [models.ValueMap(_words(scale))]
    if scale.words:
        settings["custom.cellOptions"] = {"type": "color-background", "mode": "basic"}
    elif scale.steps:
        settings["custom.cellOptions"] = {"type": "color-text"}
    return [models.DynamicConfigValue(id_val=name, value=value) for name, value in settings.items()]


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().show_legend(show_legend=True)
    return legend.display_mode(common_models.LegendDisplayMode.TABLE).placement(common_models.LegendPlacement.BOTTOM)
