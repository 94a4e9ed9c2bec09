"""Two runs are compared on what both decided, answer by answer."""

import numpy as np
import pytest

from evals.compare import Comparison, Difference, Flip, compare_runs
from evals.records import Record
from tests.evals.made_runs import CATALOG, failed_of, golden_of, record_of, rubric_of, run_of

RUBRIC = rubric_of("p1", f1="commission")
LABELS = {"a": ("met", False), "b": ("missed", True), "c": ("met", True), "d": ("missed", False)}
GOLDEN = tuple(golden_of(name, RUBRIC, p1=p1, f1=f1) for name, (p1, f1) in LABELS.items())
A, B, C, D = GOLDEN


def compared(first: list[Record], second: list[Record]) -> Comparison:
    return compare_runs(GOLDEN, run_of(*first), run_of(*second), CATALOG, np.random.default_rng(1), draws=200)


def difference(found: Comparison, name: str) -> Difference:
    return next(each for each in found.differences if each.name == name)


def right() -> list[Record]:
    return [record_of(answer) for answer in GOLDEN]


def test_a_run_beside_itself_differs_in_nothing() -> None:
    found = compared(right(), right())
    assert found.flips == ()
    for each in found.differences:
        if each.name == "star_auc":  # no STAR part is labelled
            assert (each.n, each.a, each.b, each.difference, each.range) == (0, None, None, None, None)
        else:
            assert (each.difference, each.range and (each.range.low, each.range.high)) == (0.0, (0.0, 0.0))
    assert (found.cost_ratio, found.seconds_ratio) == (1.0, 1.0)


def test_the_difference_is_b_less_a_and_each_flip_is_told() -> None:
    second = [*right()[:2], record_of(C, {"p1": "missed", "f1": "committed"}), right()[3]]
    found = compared(right(), second)
    kappa = difference(found, "points_kappa")
    # b: alike on 3 of 4, by chance 1/2·1/4 + 1/2·3/4 = 1/2, kappa 1/2; a: 1.
    assert (kappa.a, kappa.b, kappa.difference, kappa.n, kappa.answers) == (1.0, 0.5, -0.5, 4, 4)
    assert kappa.range
    assert kappa.range.low < kappa.range.high == 0.0
    assert found.flips == (
        Flip(golden_id="c", reading=0, kind="points", criterion_id="p1", human="met", a="met", b="missed"),
    )
    assert found.verdicts == 8


def test_what_one_judge_left_open_is_left_out_of_both_and_told_as_a_flip() -> None:
    second = [record_of(A, {"f1": "avoided"}), *right()[1:]]
    found = compared(right(), second)
    assert (difference(found, "points_auc").n, difference(found, "pitfalls_auc").n) == (3, 4)
    assert [(flip.a, flip.b) for flip in found.flips] == [("met", "unassessed")]
    assert (found.before.unassessed, found.after.unassessed) == (0.0, 1 / 8)


def test_answers_that_failed_in_one_run_are_compared_in_neither() -> None:
    found = compared(right(), [failed_of(A), *right()[1:]])
    assert difference(found, "score_spearman").answers == 3
    assert (found.before.failed, found.after.failed) == (0.0, 0.25)


def test_runs_that_share_no_answer_have_nothing_to_compare() -> None:
    found = compared([record_of(A)], [record_of(B)])
    assert {each.difference for each in found.differences} == {None}
    assert (found.verdicts, found.stability, found.cost_ratio, found.seconds_ratio) == (0, None, None, None)


def test_readings_are_paired_by_number_and_those_of_one_answer_are_drawn_together() -> None:
    again = [record_of(answer, reading=1) for answer in GOLDEN]
    found = compared([*right(), *again], right())
    assert (difference(found, "points_auc").n, difference(found, "points_auc").answers) == (4, 4)


def test_ratios_are_of_the_second_to_the_first_and_unknown_without_a_price() -> None:
    second = [record_of(answer, cost_usd=0.02, seconds=1.0) for answer in GOLDEN]
    found = compared(right(), second)
    assert found.cost_ratio == pytest.approx(2.0)
    assert found.seconds_ratio == 0.5
    assert compared(right(), [record_of(answer, cost_usd=None) for answer in GOLDEN]).cost_ratio is None
    assert compared([record_of(answer, cost_usd=0.0) for answer in GOLDEN], right()).cost_ratio is None


def test_a_comparison_outlives_json() -> None:
    found = compared(right(), right())
    assert Comparison.model_validate_json(found.model_dump_json()) == found
