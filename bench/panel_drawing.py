"""One panel's data on a matplotlib axes, near enough to how Grafana shows its kind."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from textwrap import fill
from typing import Any

import numpy as np

from bench.panel_data import Answer, Named, bound_of, bucketed, named, rows_of
from bench.panels import Look, Panel, State, Threshold
from bench.units import formatter, shown

_COLORS = {"green": "#56a64b", "red": "#e02f44", "yellow": "#e0b400", "orange": "#ff780a", "blue": "#3274d9",
           "purple": "#a352cc", "text": "#222222", "transparent": "#3274d9"}  # fmt: skip
_MANY = 9  # entries that a legend or a list has room for
_BESIDE = 24  # characters that have room beside a bar
_DIM = "#6e7680"
_LEGEND: dict[str, Any] = {"fontsize": 6.5, "loc": "upper left", "frameon": False, "bbox_to_anchor": (0, 0, 1, 0),
                           "borderaxespad": 2.2, "columnspacing": 1.5}  # fmt: skip
BARRED = ("bargauge", "barchart", "piechart", "histogram")
BARE = ("stat", "gauge", "table", "text")
"""Kinds drawn as bars with names beside them, and those without axes."""


def draw(axes: Any, panel: Panel, answers: Sequence[Answer]) -> None:
    """The data in the form of the panel's kind; a kind without one here is drawn over time."""
    series = named(answers)
    if not series:
        axes.axis("off")
        words = fill(panel.text, 30 + 6 * panel.place.w) if panel.kind == "text" else "no data"
        axes.text(0, 1, words, fontsize=8, va="top", color=_DIM, transform=axes.transAxes)
        return
    match panel.kind:
        case "stat" | "gauge":
            _figures(axes, panel.look, series)
        case "table":
            _table(axes, panel, answers)
        case "heatmap":
            _heatmap(axes, panel.look, bucketed(series))
        case "state-timeline":
            _states(axes, panel.look, series)
        case _ if panel.kind in BARRED or all(len(each.seconds) == 1 for each in series):
            _bars(axes, panel, bucketed(series) if any(target.buckets for target in panel.targets) else series)
        case _:
            _lines(axes, panel.look, series)


def _lines(axes: Any, look: Look, series: Sequence[Named]) -> None:
    if look.stacking != "none" or look.bars:
        _stack(axes, look, series)
    else:
        for each in series:
            style = {"linestyle": "--", "linewidth": 0.9} if each.dashed else {"linewidth": 1.3}
            axes.plot(_times(each.seconds), each.values, label=each.name, **style)
    axes.yaxis.set_major_formatter(formatter("percentunit" if look.stacking == "percent" else look.unit, look.decimals))
    axes.grid(color="#e6e8ea", linewidth=0.6)
    axes.set_axisbelow(True)
    low, high = axes.get_ylim()
    if look.logarithmic and any(value > 0 for each in series for value in each.values):
        _logarithmic(axes, look)
    else:
        nothing = all(each.last == 0 for each in series) and high < 0.06
        axes.set_ylim(min(0.0, low), 1.0 if nothing else max(high * 1.06, 0.0))
    if look.limits:
        for step in look.thresholds:
            if step.value is not None and step.value <= 3 * high:
                axes.axhline(step.value, color=_color(step.color), linestyle="--", linewidth=0.9)
    _time_axis(axes, series)
    _legend(axes)


def _logarithmic(axes: Any, look: Look) -> None:
    from matplotlib.ticker import NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(formatter(look.unit, look.decimals))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _stack(axes: Any, look: Look, series: Sequence[Named]) -> None:
    moments = sorted({at for each in series for at in each.seconds})
    rows = np.nan_to_num([each.along(moments) for each in series])
    if look.stacking == "percent":
        rows = rows / np.maximum(rows.sum(axis=0), 1e-12)
    if not look.bars:
        axes.stackplot(_times(moments), rows, labels=[each.name for each in series], alpha=0.75, linewidth=0)
        return
    width, below = 0.8 * (moments[-1] - moments[0]) / max(len(moments) - 1, 1) / 86_400, np.zeros(len(moments))
    for each, row in zip(series, rows, strict=True):
        axes.bar(_times(moments), row, width=width, bottom=below, label=each.name)
        below = below + row


def _states(axes: Any, look: Look, series: Sequence[Named]) -> None:
    """A band for each series, coloured by its state."""
    words = dict(look.states)
    for place, each in enumerate(reversed(series)):
        step = each.seconds[1] - each.seconds[0] if len(each.seconds) > 1 else 1.0
        for at, value in zip(each.seconds, each.values, strict=True):
            state = words.get(value) or State(f"{value:g}", "blue")
            axes.barh(place, step / 86_400, left=datetime.fromtimestamp(at, UTC), height=0.6, color=_color(state.color),
                      label=state.text, linewidth=0)  # fmt: skip
    axes.set_yticks(range(len(series)), [_short(each.name, _BESIDE) for each in reversed(series)], fontsize=7)
    _time_axis(axes, series)
    once = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(once.values(), once.keys(), ncols=len(once), **_LEGEND)


def _figures(axes: Any, look: Look, series: Sequence[Named]) -> None:
    axes.axis("off")
    kept = [each for each in series if math.isfinite(each.last)][:_MANY]
    if len(kept) == 1:
        axes.text(0.5, 0.45, _figure(look, kept[0]), ha="center", va="center", fontsize=20,
                  color=color_at(look.thresholds, kept[0].last), transform=axes.transAxes)  # fmt: skip
        return
    for number, each in enumerate(kept):
        y = 1 - (number + 0.7) / max(len(kept), 2)
        axes.text(0.02, y, _short(each.name, _BESIDE), fontsize=8, va="center", transform=axes.transAxes)
        axes.text(0.98, y, _figure(look, each), fontsize=11, va="center", ha="right",
                  color=color_at(look.thresholds, each.last), transform=axes.transAxes)  # fmt: skip
    _more(axes, len(series))


def _figure(look: Look, each: Named) -> str:
    state = dict(look.states).get(each.last)
    return state.text if state else shown(each.last, each.unit or look.unit, look.decimals)


def _bars(axes: Any, panel: Panel, series: Sequence[Named]) -> None:
    look, most = panel.look, 20 if any(target.buckets for target in panel.targets) else _MANY
    kept = list(series[:most])[::-1]
    places = range(len(kept))
    colors = [color_at(look.thresholds, each.last) for each in kept]
    axes.barh(places, [each.last for each in kept], color=colors, height=0.6)
    axes.set_yticks(places, [_bar_name(each.name, look) for each in kept], fontsize=7)
    for place, each in zip(places, kept, strict=True):
        axes.annotate(_figure(look, each), (each.last, place), xytext=(3, 0), fontsize=7, textcoords="offset points",
                      va="center")  # fmt: skip
    axes.margins(x=0.2)
    axes.xaxis.set_visible(False)
    axes.spines[["bottom"]].set_visible(False)
    _more(axes, len(series), most)


def _table(axes: Any, panel: Panel, answers: Sequence[Answer]) -> None:
    axes.axis("off")
    keys, rows = rows_of(answers)
    targets, look, fitting = panel.targets, panel.look, int(1.7 * panel.place.h) - 4  # rows
    cells = [
        [*(_short(labels.get(key, "")) for key in keys),
         *(shown(said[t.ref], t.unit or look.unit, look.decimals) if t.ref in said else "" for t in targets)]
        for labels, said in rows[:fitting]
    ]  # fmt: skip
    heads = [*keys, *(fill(target.legend or target.ref, 22) for target in targets)]
    table = axes.table(cells or [[""] * len(heads)], colLabels=heads, loc="upper center", edges="horizontal",
                       cellLoc="left", colLoc="left")  # fmt: skip
    table.auto_set_font_size(False)
    table.set_fontsize(7.5)
    table.scale(1, 1.25)
    for (row, _), cell in table.get_celld().items():
        cell.set_edgecolor("#dcdfe3")
        if row == 0:
            cell.set_text_props(fontweight="bold")
            cell.set_height(cell.get_height() * (1 + max(head.count("\n") for head in heads)))
    _more(axes, len(rows), fitting)


def _heatmap(axes: Any, look: Look, buckets: Sequence[Named]) -> None:
    moments = sorted({at for each in buckets for at in each.seconds})
    heat = np.nan_to_num([each.along(moments) for each in buckets])
    axes.pcolormesh(_times(moments), range(len(buckets)), heat, cmap="Oranges", shading="nearest")
    axes.set_yticks(range(len(buckets)), [_bar_name(each.name, look) for each in buckets], fontsize=6)
    _time_axis(axes, buckets)


def _bar_name(name: str, look: Look) -> str:
    """A bucket's by its upper end, others as they are."""
    end = bound_of(name)
    return _short(name, _BESIDE) if math.isnan(end) else f"≤ {shown(end, look.unit)}" if end < math.inf else "more"


def color_at(thresholds: Sequence[Threshold], value: float) -> str:
    """The colour of the last threshold that the value reaches; blue without any."""
    reached = [step.color for step in thresholds if step.value is None or value >= step.value]
    return _color(reached[-1]) if reached else _COLORS["blue"]


def _color(name: str) -> str:
    return name if name.startswith("#") else _COLORS.get(name.rpartition("-")[2], _COLORS["blue"])


def _times(seconds: Sequence[float]) -> list[datetime]:
    return [datetime.fromtimestamp(at, UTC) for at in seconds]


def _time_axis(axes: Any, series: Sequence[Named]) -> None:
    from matplotlib.dates import AutoDateLocator, DateFormatter

    moments = [at for each in series for at in each.seconds]
    days = bool(moments) and max(moments) - min(moments) > 86_400
    axes.xaxis.set_major_locator(AutoDateLocator(minticks=2, maxticks=5, tz=UTC))
    axes.xaxis.set_major_formatter(DateFormatter("%b %d" if days else "%H:%M:%S", tz=UTC))


def _legend(axes: Any) -> None:
    handles, names = axes.get_legend_handles_labels()
    if handles:
        names = [_short(name) for name in names[:_MANY]]
        axes.legend(handles[:_MANY], names, ncols=_columns(names), **_LEGEND)
        _more(axes, len(handles))


def legend_lines(panel: Panel, answers: Sequence[Answer]) -> int:
    """How many lines the legend below the graph takes."""
    names = [_short(each.name) for each in named(answers)][:_MANY]
    if panel.kind == "timeseries" and names:
        return math.ceil(len(names) / _columns(names))
    return int(panel.kind == "state-timeline")


def _columns(names: Sequence[str]) -> int:
    longest = max(map(len, names))
    return min(len(names), 4 if longest <= 14 else 3 if longest <= 24 else 2)


def _more(axes: Any, count: int, room: int = _MANY) -> None:
    if count > room:
        axes.text(0.99, 0.01, f"and {count - room} more", fontsize=6.5, color=_DIM, ha="right", va="bottom",
                  transform=axes.transAxes)  # fmt: skip


def _short(name: str, most: int = 44) -> str:
    """Its beginning and, since names differ there, its end."""
    return name if len(name) <= most else f"{name[: most // 3]}…{name[most // 3 + 1 - most :]}"
