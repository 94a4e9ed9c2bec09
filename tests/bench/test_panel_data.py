"""What is drawn is what was said: legends, buckets, rows, units."""

import math

import pytest

from bench.backfill import Series
from bench.panel_data import Answer, Named, bucketed, legend_of, named, rows_of
from bench.panel_drawing import color_at
from bench.panels import Target, Threshold
from bench.units import shown


def test_a_legend_is_filled_in_and_without_one_the_labels_tell_the_series_apart() -> None:
    labels = {"__name__": "x", "model": "m", "instance": "i", "won": "first"}
    assert legend_of("{{model}}: {{ won }}{{none}}", labels) == "m: first"
    assert legend_of("", labels) == "m, first"
    assert legend_of("", {"__name__": "x"}) == "x"


def test_the_last_finite_value_is_the_one_shown() -> None:
    answers = [Answer(Target("A", "x", "n"), [Series({}, [(1, "3"), (2, "NaN")])])]
    assert [(each.name, each.last) for each in named(answers)] == [("n", 3)]
    assert math.isnan(Named("n", [], []).last)


def test_buckets_that_hold_the_smaller_ones_are_taken_apart_in_the_order_of_their_ends() -> None:
    # Up to 0.5: 2; up to 1: 5, so 3 between; all: 5, so none above. At the second moment the smallest says nothing.
    told = [Named("+Inf", [1, 2], [5, 6]), Named("1.0", [1, 2], [5, 6]), Named("0.5", [1], [2]), Named("sum", [1], [9])]
    assert [(each.name, list(each.values)) for each in bucketed(told)] == [
        ("0.5", [2]), ("1.0", [3, 6]), ("+Inf", [0, 0]),
    ]  # fmt: skip


def test_a_table_has_a_row_for_each_set_of_labels_whatever_target_speaks_of_it() -> None:
    first, second = Target("A", "x"), Target("B", "y")
    answers = [
        Answer(first, [Series({"kind": "points"}, [(1, "1")]), Series({"kind": "star"}, [(1, "2")])]),
        Answer(second, [Series({"kind": "points"}, [(1, "3")])]),
    ]
    assert rows_of(answers) == (["kind"], [({"kind": "points"}, {"A": 1, "B": 3}), ({"kind": "star"}, {"A": 2})])


def test_the_highest_threshold_reached_gives_the_colour() -> None:
    steps = (Threshold(None, "#000"), Threshold(1, "#111"), Threshold(2, "#222"))
    assert [color_at(steps, value) for value in (0, 1, 3)] == ["#000", "#111", "#222"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.00234, "s", "2.34 ms"), (1.5, "s", "1.5 s"), (90, "s", "1.5 min"), (250, "ms", "250 ms"), (0, "s", "0"),
        (0.123, "percentunit", "12.3 %"), (12.3, "percent", "12.3 %"),
        (0.000412, "currencyUSD", "$0.00041"), (5e-5, "currencyUSD", "$0.00005"),
        (1234.5, "currencyUSD", "$1,234.50"), (-2, "currencyUSD", "-$2.00"),
        (1234, "short", "1.23k"), (0.25, "short", "0.25"), (-0.25, "", "-0.25"), (2048, "bytes", "2 KiB"),
        (3, "reqps", "3 req/s"), (3, "parsec", "3 parsec"), (math.nan, "s", "–"), (math.inf, "", "–"),
    ],
)  # fmt: skip
def test_a_value_is_shown_in_its_unit(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_decimals_are_kept_where_they_are_wanted() -> None:
    assert shown(71.26, "short", 1) == "71.3"
    assert shown(0.5, "currencyUSD", 0) == "$0.5"  # less than the least that can be shown is shown all the same
