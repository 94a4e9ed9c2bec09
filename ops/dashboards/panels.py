"""The kinds of panel. Each asks a question in its title, and its description says what to make of the answer."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from grafana_foundation_sdk.builders import bargauge, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import common as parts
from grafana_foundation_sdk.builders import dashboard as frames
from grafana_foundation_sdk.builders import heatmap as heatmaps
from grafana_foundation_sdk.models import common, dashboard, heatmap, units
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="prometheus")
"""The uid that ops/grafana/provisioning/datasources gives it."""

Panel = bargauge.Panel | heatmaps.Panel | stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel
_Kind = TypeVar("_Kind", bargauge.Panel, heatmaps.Panel, stat.Panel, statetimeline.Panel, table.Panel, timeseries.Panel)

Steps = Sequence[tuple[float, str]]
"""From which value on which colour."""


class Query(NamedTuple):
    """PromQL, and how its series are called: `{{label}}` stands for a label's value."""

    expr: str
    legend: str = ""


class Said(NamedTuple):
    """What a panel says of itself: its question, and what it shows, what is good, what to do."""

    title: str
    description: str


def number(
    said: Said, expr: str, unit: str, steps: Steps = (), *, below: str = "green", empty: str = "nothing yet"
) -> stat.Panel:
    """One figure, coloured by its steps, and `below` the first of them; `empty` is said where there is none."""
    panel = _framed(stat.Panel(), said, unit, width=4, height=4)
    return (
        panel.with_target(_target(Query(expr), 0).instant())
        .thresholds(_thresholds(steps, below if steps else "text"))
        .color_scheme(frames.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(parts.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value(empty)
    )


def lines(said: Said, *queries: Query, unit: str, width: int = 12, empty: str = "nothing yet") -> timeseries.Panel:
    """Series over time, from 0 on, with their last value and their mean in the legend."""
    panel = _framed(timeseries.Panel(), said, unit, width=width, height=8)
    for position, query in enumerate(queries):
        panel.with_target(_target(query, position).range())
    legend = parts.VizLegendOptions().show_legend(True).display_mode(common.LegendDisplayMode.TABLE)
    return (
        panel.min(0)
        .line_width(2)
        .fill_opacity(8)
        .show_points(common.VisibilityMode.AUTO)
        .span_nulls(True)
        .legend(legend.placement(common.LegendPlacement.BOTTOM).calcs(["lastNotNull", "mean"]))
        .tooltip(parts.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
        .no_value(empty)
    )


def stacked(panel: timeseries.Panel, *, percent: bool = False) -> timeseries.Panel:
    """The series upon each other; `percent`: each as its share of the whole."""
    mode = common.StackingMode.PERCENT if percent else common.StackingMode.NORMAL
    return panel.stacking(parts.StackingConfig().mode(mode).group("A")).fill_opacity(50).line_width(1)


def daily(said: Said, *queries: Query, unit: str) -> timeseries.Panel:
    """A bar a day over the last 30 days, whatever time is looked at; the queries' bars upon each other."""
    panel = stacked(lines(said, *queries, unit=unit))
    panel.draw_style(common.GraphDrawStyle.BARS).fill_opacity(70).show_points(common.VisibilityMode.NEVER)
    return panel.interval("1d").time_from("30d")


def logarithmic(panel: timeseries.Panel) -> timeseries.Panel:
    """For times that differ by powers of ten."""
    return panel.min(0.0001).scale_distribution(
        parts.ScaleDistributionConfig().type(common.ScaleDistribution.LOG).log(10)
    )


def bounded(panel: timeseries.Panel, steps: Steps, below: str = "transparent") -> timeseries.Panel:
    """With a line at each step."""
    style = parts.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
    return panel.thresholds(_thresholds(steps, below)).thresholds_style(style)


def dashed(panel: timeseries.Panel, *references: str) -> timeseries.Panel:
    """With the series of these queries (A is the first) dashed and thin: a limit, or an interval's end."""
    dashes = dashboard.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]})
    for reference in references:
        thin = [dashes, *(dashboard.DynamicConfigValue(f"custom.{what}", n) for what, n in _THIN.items())]
        panel.override_by_query(reference, thin)
    return panel


_THIN = {"lineWidth": 1, "fillOpacity": 0}


def states(said: Said, query: Query, names: Sequence[tuple[str, str]], *, width: int = 12) -> statetimeline.Panel:
    """What state each series is in over time; `names`: state 0's name and colour, state 1's, …"""
    panel = _framed(statetimeline.Panel(), said, units.Short, width=width, height=8)
    return named(panel.with_target(_target(query, 0).range()), names).row_height(0.8).fill_opacity(80)


def named(panel: _Kind, names: Sequence[tuple[str, str]]) -> _Kind:
    """With words in place of the values 0, 1, …, each with its colour."""
    results = {
        str(value): dashboard.ValueMappingResult(text=text, color=color, index=value)
        for value, (text, color) in enumerate(names)
    }
    return panel.mappings([dashboard.ValueMap(options=results)])


def spread(said: Said, metric_by_le: str, unit: str, *, width: int = 12) -> heatmaps.Panel:
    """A histogram over time: the darker, the more observations in that bucket."""
    panel = _framed(heatmaps.Panel(), said, unit, width=width, height=8)
    query = _target(Query(metric_by_le, "{{le}}"), 0).range().format(PromQueryFormat.HEATMAP)
    colours = heatmaps.HeatmapColorOptions().mode(heatmap.HeatmapColorMode.SCHEME).scheme("Oranges").steps(32)
    return (
        panel.with_target(query)
        .calculate(False)
        .color(colours)
        .y_axis(heatmaps.YAxisConfig().unit(unit))
        .cell_gap(1)
        .show_legend()
    )


def buckets(said: Said, metric_by_le: str, unit: str, *, width: int = 12) -> bargauge.Panel:
    """A histogram over the whole time that is looked at: a bar for each bucket, named by its upper end."""
    panel = _framed(bargauge.Panel(), said, unit, width=width, height=8)
    query = _target(Query(metric_by_le, "{{le}}"), 0).instant().format(PromQueryFormat.HEATMAP)
    return (
        panel.with_target(query)
        .min(0)
        .orientation(common.VizOrientation.VERTICAL)
        .display_mode(common.BarGaugeDisplayMode.BASIC)
        .reduce_options(parts.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(_thresholds((), "blue"))
    )


def columns(said: Said, *queries: Query, unit: str, width: int = 24) -> table.Panel:
    """The latest value of each query as a column, its legend as heading, and a row for each set of labels."""
    panel = _framed(table.Panel(), said, unit, width=width, height=10)
    for position, query in enumerate(queries):
        panel.with_target(_target(query, position).instant().format(PromQueryFormat.TABLE))
    headings = {f"Value #{chr(ord('A') + at)}": query.legend for at, query in enumerate(queries)}
    arranged = {"excludeByName": {"Time": True}, "renameByName": headings}
    return panel.with_transformation(dashboard.DataTransformerConfig("merge", options={})).with_transformation(
        dashboard.DataTransformerConfig("organize", options=arranged)
    )


def _framed(panel: _Kind, said: Said, unit: str, *, width: int, height: int) -> _Kind:
    panel.title(said.title).description(said.description).unit(unit)
    return panel.datasource(SOURCE).span(width).height(height)


def _target(query: Query, position: int) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(chr(ord("A") + position)).datasource(SOURCE)
    return target.legend_format(query.legend) if query.legend else target


def _thresholds(steps: Steps, below: str) -> frames.ThresholdsConfig:
    first = dashboard.Threshold(value=None, color=below)
    rest = [dashboard.Threshold(value=value, color=color) for value, color in steps]
    return frames.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps([first, *rest])
