"""Every target of every panel is asked, and one without data is told apart from one with."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from bench.asking import Asked, ask_all, refuse_unknown, selectors_of
from bench.backfill import Series
from bench.panel_data import Answer
from bench.panels import BadDashboard, Dashboard, Panel, Target, dashboard_of
from bench.variables import Times

_TIMES = Times(start=1000, end=1090, step=2, rates=20)
_PLACE = {"x": 0, "y": 0, "w": 12, "h": 8}


class _Made:
    """Prometheus, as far as it is asked here: says 1 to all but what speaks of `gone`."""

    def __init__(self, value: str = "1") -> None:
        self.asked: list[str] = []
        self._value = value

    def instant(self, expr: str, at: float) -> Sequence[Series]:
        self.asked.append(f"at {at:g}: {expr}")
        return self._said(expr)

    def over(self, expr: str, start: float, end: float, step: float) -> Sequence[Series]:
        self.asked.append(f"{start:g} to {end:g} by {step:g}: {expr}")
        return self._said(expr)

    def label_values(self, selector: str, label: str) -> Sequence[str]:
        return ["a", "b"]

    def _said(self, expr: str) -> Sequence[Series]:
        gone = "gone" in expr and "vector(0)" not in expr
        return [] if gone else [Series({}, [(1000.0, self._value)])]


def _board(*targets: dict[str, Any], **other: Any) -> Dashboard:
    panel = {"title": "P", "type": "timeseries", "gridPos": _PLACE, "targets": list(targets)}
    variable = {"name": "model", "type": "query", "query": "label_values(x, model)", "includeAll": True}
    return dashboard_of("board", {"panels": [panel], "templating": {"list": [variable]}, **other})


def test_targets_are_asked_over_the_run_or_at_its_end_and_annotations_as_well() -> None:
    prometheus = _Made()
    board = _board(
        {"refId": "A", "expr": 'rate(grader_x{model=~"$model"}[$__rate_interval])'},
        {"refId": "B", "expr": "increase(y[$__range])", "instant": True},
        annotations={"list": [{"builtIn": 1}, {"expr": "changes(z[$__range])"}]},
    )
    asked = ask_all(prometheus, [board], _TIMES)
    assert [each.fault for each in asked] == [None, None]
    assert prometheus.asked == [
        "at 1090: changes(z[90s])",
        '1000 to 1090 by 2: rate(grader_x{model=~"(a|b)"}[20s])',
        'at 1090: last_over_time(grader_x{model=~"(a|b)"}[90s])',
        "at 1090: increase(y[90s])",
    ]


def test_a_target_without_series_and_one_of_nan_alone_are_named() -> None:
    gone, nan = _board({"refId": "A", "expr": "gone"}), _board({"refId": "A", "expr": "x"})
    assert [(each.name, each.fault) for each in ask_all(_Made(), [gone], _TIMES)] == [("board: P (A)", "no series")]
    assert [each.fault for each in ask_all(_Made("NaN"), [nan], _TIMES)] == ["no finite number"]


def test_a_zero_that_stands_in_for_nothing_does_not_hide_that_nothing_is_behind_it() -> None:
    board = _board({"refId": "A", "expr": "sum(rate(grader_gone_total[1m])) or vector(0)"})
    assert [each.fault for each in ask_all(_Made(), [board], _TIMES)] == ["nothing behind grader_gone_total"]


def test_an_unknown_variable_is_an_error_that_names_panel_and_variable() -> None:
    with pytest.raises(BadDashboard, match=r"board: panel 'P': unknown variable \$modle"):
        ask_all(_Made(), [_board({"refId": "A", "expr": 'x{model=~"$modle"}'})], _TIMES)


def test_an_unknown_variable_is_found_before_anything_is_asked() -> None:
    refuse_unknown([_board({"refId": "A", "expr": 'rate(x{model=~"$model"}[$__rate_interval]) + $__range_s'})])
    with pytest.raises(BadDashboard, match=r"board: panel 'P': unknown variable \$modle"):
        refuse_unknown([_board({"refId": "A", "expr": 'x{model=~"$modle"}'})])


def test_a_finite_number_anywhere_in_the_run_is_enough() -> None:
    target, panel = Target("A", "x"), Panel("P", "timeseries", _board({"refId": "A", "expr": "x"}).panels[0].place)
    series = [Series({}, [(1, "2"), (2, "NaN")]), Series({}, [(1, "NaN"), (2, "+Inf")])]
    answer = Answer(target, series)
    assert answer.last == 2
    assert Asked("board", panel, answer).fault is None
    assert math.isnan(Answer(target, series[1:]).last)


def test_selectors_are_found_wherever_they_stand() -> None:
    expr = 'sum(rate(grader_a_total{x="1"}[5m])) / (sum(rate(grader_b[5m] offset 7d)) > 0) or grader:slo:ratio'
    assert selectors_of(expr) == ('grader_a_total{x="1"}', "grader_b", "grader:slo:ratio")
    assert selectors_of("sum(other_grader_x)") == ()
