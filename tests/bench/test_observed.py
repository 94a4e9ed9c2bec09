"""What was observed is told, and what falls short is named."""

import pytest

from bench.asking import Asked
from bench.backfill import Series
from bench.observed import Observed, Sum, faults, report
from bench.panel_data import Answer
from bench.panels import Dashboard, Look, Panel, Place, Target
from bench.prometheus_server import Rule

_TARGET = Target("A", "x")
_PANEL = Panel("How fast?", "stat", Place(0, 0, 4, 4), (_TARGET,), Look("s"))
_BOARD = Dashboard("board", "Board", (_PANEL,))
_FULL = Asked("board", _PANEL, Answer(_TARGET, [Series({}, [(1, "0.25")])]))
_EMPTY = Asked("board", _PANEL, Answer(_TARGET, []))


@pytest.mark.parametrize(
    ("metrics", "replies", "beside", "agrees"),
    [(1.0, 0.75, 0.25, True), (1.0, 1.0, 0.0, True), (1.0000005, 1.0, 0.0, True), (1.00001, 1.0, 0.0, False),
     (1.0, 1.0, 0.01, False), (0.0, 0.01, 0.0, False)],
)  # fmt: skip
def test_sums_agree_to_a_millionth_of_a_dollar(metrics: float, replies: float, beside: float, agrees: bool) -> None:
    assert Sum("spent", metrics, replies, beside).agrees is agrees


def test_of_what_is_beside_some_may_be_missing_where_it_is_told_so_and_no_more() -> None:
    assert [Sum("spent", metrics, 1.0, 0.5, at_most=True).agrees for metrics in (0.9, 1.0, 1.2, 1.5, 1.6)] == [
        False, True, True, True, False,
    ]  # fmt: skip


def test_nothing_falls_short_where_all_is_there() -> None:
    rules = [Rule("a:b", "", ""), Rule("TooDear", "", "firing")]
    observed = Observed([_FULL], [Sum("spent", 1.0, 1.0)], [], "3 graded", rules)
    assert faults(observed) == []
    told = report(observed, [_BOARD])
    assert "| board | How fast? | A | 1 | 250 ms | yes |" in told
    assert "1 queries of 1 panels on 1 dashboards; grades: 3 graded" in told
    assert "2 rules evaluated; alerts firing at the end: TooDear" in told


def test_an_empty_panel_a_sum_that_differs_a_wrong_reply_and_a_broken_rule_are_each_named() -> None:
    rules = [Rule("a:b", "many-to-many", "")]
    observed = Observed([_FULL, _EMPTY], [Sum("spent", 1.0, 0.5, 0.25)], ["miss: 500 oops"], "", rules)
    assert faults(observed) == [
        "board: How fast? (A): no series",
        "spent: the metrics say 1.0, the replies 0.5, and 0.25 beside",
        "miss: 500 oops",
        "rule a:b: many-to-many",
    ]
    assert "| board | How fast? | A | 0 | – | no series |" in report(observed, [_BOARD])
