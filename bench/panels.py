"""What the dashboards ask: panels, targets and variables, read from the JSON that Grafana reads, without Grafana.

Strict where Grafana is lenient: what is not understood here is an error that names it, never a panel left out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

_SILENT = ("row", "text", "dashlist", "alertlist", "news")  # kinds of panel that ask Prometheus nothing
_WRITTEN_DOWN = ("custom", "interval", "constant", "textbox")  # kinds of variable whose values stand in the JSON


class BadDashboard(Exception):
    """A dashboard that cannot be read or asked as it stands; the message says where and why."""


class Place(NamedTuple):
    """On Grafana's grid, which is 24 columns wide."""

    x: int
    y: int
    w: int
    h: int


class Threshold(NamedTuple):
    """A colour from this value on; None: from the lowest."""

    value: float | None
    color: str


class State(NamedTuple):
    """The word and the colour that stand for a value."""

    text: str
    color: str


@dataclass(frozen=True)
class Target:
    """One query of a panel. `instant`: asked for one moment, not over a time; `buckets`: a histogram's, by `le`."""

    ref: str
    expr: str
    legend: str = ""
    instant: bool = False
    buckets: bool = False
    dashed: bool = False
    unit: str | None = None


@dataclass(frozen=True)
class Look:
    """How a panel shows its data. `stacking`: none, normal or percent; `limits`: thresholds are lines in the graph."""

    unit: str = ""
    decimals: int | None = None
    stacking: str = "none"
    bars: bool = False
    logarithmic: bool = False
    limits: bool = False
    thresholds: tuple[Threshold, ...] = ()
    states: tuple[tuple[float, State], ...] = ()


@dataclass(frozen=True)
class Panel:
    """`time_from` and `interval`: a time to look back on, and a least step, of its own, as in `30d` and `1d`."""

    title: str
    kind: str
    place: Place
    targets: tuple[Target, ...] = ()
    look: Look = Look()
    text: str = ""
    time_from: str = ""
    interval: str = ""


@dataclass(frozen=True)
class Variable:
    """`query`: where its values come from; `given`: them, where they are written down."""

    name: str
    kind: str
    query: str = ""
    given: tuple[str, ...] = ()
    takes_all: bool = False
    all_value: str | None = None


@dataclass(frozen=True)
class Dashboard:
    """`name` is the file's, short of its ending; `annotations` are queries that mark moments."""

    name: str
    title: str
    panels: tuple[Panel, ...]
    variables: tuple[Variable, ...] = ()
    annotations: tuple[str, ...] = ()


def dashboards_in(folder: Path) -> tuple[Dashboard, ...]:
    """All of a folder, by name. Raises BadDashboard, also where there is none."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise BadDashboard(f"no dashboard in {folder}; `python -m ops.dashboards` writes them")
    return tuple(dashboard_of(path.stem, json.loads(path.read_text("utf-8"))) for path in paths)


def dashboard_of(name: str, document: Mapping[str, Any]) -> Dashboard:
    """Raises BadDashboard for what is not understood."""
    if not document.get("panels"):
        raise BadDashboard(f"{name}: no panels")
    annotations = (document.get("annotations") or {}).get("list") or ()
    return Dashboard(
        name=name,
        title=str(document.get("title", name)),
        panels=tuple(_panels(name, document["panels"])),
        variables=tuple(_variable(name, each) for each in (document.get("templating") or {}).get("list") or ()),
        annotations=tuple(str(each["expr"]) for each in annotations if each.get("expr")),
    )


def _panels(name: str, documents: Sequence[Mapping[str, Any]]) -> Iterator[Panel]:
    """In the order of the file. What a collapsed row holds is shown, and what comes after it moves down."""
    lower = 0
    for document in documents:
        panel = _panel(name, document, lower)
        yield panel
        if nested := document.get("panels"):
            inner = [_panel(name, each, 0).place for each in nested]
            top, end = min(place.y for place in inner), max(place.y + place.h for place in inner)
            yield from (_panel(name, each, panel.place.y + panel.place.h - top) for each in nested)
            lower += end - top


def _panel(name: str, document: Mapping[str, Any], lower: int) -> Panel:
    title, kind = str(document.get("title") or "untitled"), str(document.get("type"))
    where = f"{name}: panel {title!r}"
    fields = document.get("fieldConfig") or {}
    overrides = {str(each["matcher"].get("options")): each["properties"] for each in fields.get("overrides") or ()}
    targets = tuple(_target(where, each, overrides) for each in document.get("targets") or ())
    if not targets and kind not in _SILENT:
        raise BadDashboard(f"{where}, a {kind}, asks nothing")
    try:
        x, y, w, h = (int(document["gridPos"][side]) for side in "xywh")
    except KeyError as missing:
        raise BadDashboard(f"{where} has no gridPos: {missing} is missing") from None
    return Panel(
        title=title,
        kind=kind,
        place=Place(x, y + lower, w, h),
        targets=targets,
        look=_look(fields.get("defaults") or {}),
        text=str((document.get("options") or {}).get("content") or ""),
        time_from=str(document.get("timeFrom") or ""),
        interval=str(document.get("interval") or ""),
    )


def _target(where: str, document: Mapping[str, Any], overrides: Mapping[str, Sequence[Mapping[str, Any]]]) -> Target:
    """Overrides by query, and those by name where a legend is the name."""
    ref, legend = str(document.get("refId", "?")), str(document.get("legendFormat") or "")
    if not str(document.get("expr") or "").strip():
        raise BadDashboard(f"{where}: target {ref!r} has no expr")
    told = {each["id"]: each.get("value") for name in (ref, legend) for each in overrides.get(name, ())}
    return Target(
        ref=ref,
        expr=str(document["expr"]),
        legend="" if legend == "__auto" else legend,
        instant=bool(document.get("instant")) and not document.get("range"),
        buckets=document.get("format") == "heatmap",
        dashed=(told.get("custom.lineStyle") or {}).get("fill") == "dash",
        unit=told.get("unit"),
    )


def _look(defaults: Mapping[str, Any]) -> Look:
    custom = defaults.get("custom") or {}
    steps = (defaults.get("thresholds") or {}).get("steps") or ()
    mapped = [each["options"] for each in defaults.get("mappings") or () if each.get("type") == "value"]
    return Look(
        unit=str(defaults.get("unit") or ""),
        decimals=None if defaults.get("decimals") is None else int(defaults["decimals"]),
        stacking=(custom.get("stacking") or {}).get("mode", "none"),
        bars=custom.get("drawStyle") == "bars",
        logarithmic=(custom.get("scaleDistribution") or {}).get("type") == "log",
        limits=(custom.get("thresholdsStyle") or {}).get("mode", "off") != "off",
        thresholds=tuple(Threshold(step.get("value"), str(step.get("color", "green"))) for step in steps),
        states=tuple(
            (float(value), State(str(said.get("text", value)), str(said.get("color", "blue"))))
            for options in mapped
            for value, said in options.items()
        ),
    )


def _variable(name: str, document: Mapping[str, Any]) -> Variable:
    query, kind = document.get("query") or "", str(document.get("type"))
    if not document.get("name"):
        raise BadDashboard(f"{name}: a variable of kind {kind!r} has no name")
    text = str(query.get("query", "") if isinstance(query, Mapping) else query)
    options = [str(each.get("value")) for each in document.get("options") or () if each.get("value") != "$__all"]
    parts = [part.strip() for part in text.split(",") if part.strip()] if kind in _WRITTEN_DOWN else []
    return Variable(
        name=str(document["name"]),
        kind=kind,
        query=text,
        given=tuple(options or parts),
        takes_all=bool(document.get("includeAll")),
        all_value=document.get("allValue") or None,
    )
