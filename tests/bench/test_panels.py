"""Dashboards are read strictly: what is not understood is an error that names it."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from bench.panels import BadDashboard, Place, State, Threshold, dashboard_of, dashboards_in

_PANEL: dict[str, Any] = {
    "title": "How fast?",
    "type": "timeseries",
    "gridPos": {"x": 0, "y": 1, "w": 12, "h": 8},
    "targets": [{"refId": "A", "expr": "rate(grader_grades_total[$__rate_interval])", "legendFormat": "__auto"}],
}


def _panel(**other: Any) -> dict[str, Any]:
    return copy.deepcopy(_PANEL) | other


def _row(y: int, *nested: dict[str, Any]) -> dict[str, Any]:
    return {"title": "Row", "type": "row", "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}, "panels": list(nested)}


def _at(y: int, **other: Any) -> dict[str, Any]:
    return _panel(gridPos={"x": 0, "y": y, "w": 12, "h": 8}, **other)


def test_panels_of_an_open_row_and_of_a_folded_one_are_all_read_and_laid_out_one_below_the_other() -> None:
    # A folded row keeps its panels inside, and Grafana lets what follows move up to it: 1 + 8 rows of the grid are
    # added when it is opened.
    folded = _row(9, _at(10, title="inside"))
    read = dashboard_of("board", {"panels": [_row(0), _at(1), folded, _row(10), _at(11, title="after")]})
    assert [(panel.title, panel.place.y) for panel in read.panels] == [
        ("Row", 0), ("How fast?", 1), ("Row", 9), ("inside", 10), ("Row", 18), ("after", 19),
    ]  # fmt: skip


def test_how_a_panel_shows_its_data_is_read() -> None:
    custom = {
        "stacking": {"mode": "percent"}, "drawStyle": "bars", "scaleDistribution": {"type": "log"},
        "thresholdsStyle": {"mode": "dashed"},
    }  # fmt: skip
    defaults = {
        "unit": "s", "decimals": 0, "custom": custom,
        "thresholds": {"steps": [{"value": None, "color": "green"}, {"value": 4, "color": "red"}]},
        "mappings": [{"type": "value", "options": {"2": {"text": "open", "color": "red"}}}],
    }  # fmt: skip
    dashed = {"matcher": {"id": "byFrameRefID", "options": "A"},
              "properties": [{"id": "custom.lineStyle", "value": {"fill": "dash"}}]}  # fmt: skip
    document = _panel(fieldConfig={"defaults": defaults, "overrides": [dashed]}, timeFrom="30d", interval="1d")
    panel = dashboard_of("board", {"panels": [document]}).panels[0]
    look = panel.look
    assert (panel.place, panel.time_from, panel.interval) == (Place(0, 1, 12, 8), "30d", "1d")
    assert (look.unit, look.decimals, look.stacking) == ("s", 0, "percent")
    assert look.bars
    assert look.logarithmic
    assert look.limits
    assert look.thresholds == (Threshold(None, "green"), Threshold(4, "red"))
    assert look.states == ((2.0, State("open", "red")),)
    assert panel.targets[0].dashed
    assert panel.targets[0].legend == ""


def test_variables_are_read_whether_their_query_is_text_or_an_object() -> None:
    variables = [
        {"name": "model", "type": "query", "query": {"query": "label_values(x, model)"}, "includeAll": True,
         "allValue": ".*"},
        {"name": "route", "type": "query", "query": "label_values(x, route)"},
        {"name": "set", "type": "custom", "query": "a, b",
         "options": [{"value": "$__all"}, {"value": "a"}, {"value": "b"}]},
        {"name": "window", "type": "interval", "query": "5m,1h"},
    ]  # fmt: skip
    read = dashboard_of("board", {"panels": [_panel()], "templating": {"list": variables}}).variables
    assert [(v.query, v.given, v.takes_all, v.all_value) for v in read] == [
        ("label_values(x, model)", (), True, ".*"),
        ("label_values(x, route)", (), False, None),
        ("a, b", ("a", "b"), False, None),
        ("5m,1h", ("5m", "1h"), False, None),
    ]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "board: no panels"),
        ({"panels": [_panel(targets=[])]}, "panel 'How fast.', a timeseries, asks nothing"),
        ({"panels": [_panel(targets=[{"refId": "B", "expr": " "}])]}, "panel 'How fast.': target 'B' has no expr"),
        ({"panels": [_panel(gridPos={"x": 0, "y": 0, "w": 1})]}, "panel 'How fast.' has no gridPos: 'h' is missing"),
        ({"panels": [_panel()], "templating": {"list": [{"type": "query"}]}}, "a variable of kind 'query' has no name"),
    ],
)
def test_what_cannot_be_asked_is_an_error_that_names_it(document: dict[str, Any], said: str) -> None:
    with pytest.raises(BadDashboard, match=said):
        dashboard_of("board", document)


def test_panels_that_ask_nothing_by_their_kind_may_do_so() -> None:
    text = {"title": "Read me", "type": "text", "gridPos": _PANEL["gridPos"], "options": {"content": "words"}}
    assert dashboard_of("board", {"panels": [text]}).panels[0].text == "words"


def test_an_empty_folder_is_an_error_and_a_full_one_is_read_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadDashboard, match="no dashboard in"):
        dashboards_in(tmp_path)
    for name in ("two", "one"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"title": name.upper(), "panels": [_panel()]}), "utf-8")
    assert [(board.name, board.title) for board in dashboards_in(tmp_path)] == [("one", "ONE"), ("two", "TWO")]
