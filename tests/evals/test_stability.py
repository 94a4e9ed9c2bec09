"""Readings of the same answers show how far a judge disagrees with itself."""

import pytest

from evals.pairs import Material, material_of
from evals.records import Record
from evals.stability import Flips, as_readings, noise_of, stability_of
from tests.evals.made_runs import CATALOG, failed_of, golden_of, record_of, rubric_of

RUBRIC = rubric_of("p1", f1="commission")
GOLDEN = (golden_of("a", RUBRIC, p1="met", f1=False), golden_of("b", RUBRIC, p1="missed", f1=True))


def said(answer: int, reading: int, p1: str, f1: str = "avoided") -> Record:
    return record_of(GOLDEN[answer], {"p1": p1, "f1": f1}, reading=reading)


def material(*records: Record) -> Material:
    return material_of(GOLDEN, records, CATALOG)


def flips(found: Material, kind: str) -> Flips:
    stability = stability_of(found)
    assert stability
    return next(each for each in stability.flips if each.kind == kind)


def test_one_reading_says_nothing_of_stability() -> None:
    assert stability_of(material(said(0, 0, "met"), said(1, 0, "met"))) is None
    assert noise_of(material(said(0, 0, "met"))) == {}


def test_flips_are_counted_by_criterion_and_by_pairs_of_readings() -> None:
    found = material(
        *(said(0, reading, level) for reading, level in enumerate(("met", "met", "partial"))),
        *(said(1, reading, "missed", "committed") for reading in range(3)),
    )
    points = flips(found, "points")
    # Two points read three times each: of six pairs of readings two differ, both on answer a.
    assert (points.criteria, points.flipped) == (2, 1)
    assert points.share == pytest.approx(2 / 6)
    pitfalls = flips(found, "pitfalls")
    assert (pitfalls.criteria, pitfalls.flipped, pitfalls.share, pitfalls.alpha) == (2, 0, 0.0, 1.0)


def test_alpha_is_that_of_two_readers() -> None:
    found = material(said(0, 0, "met"), said(0, 1, "met"), said(1, 0, "missed"), said(1, 1, "met"))
    # Values 2 2 | 0 2. Observed disagreement: one of two pairs; by chance, of 4 values with one 0 and three 2:
    # (1·3 + 3·1) / (4·3) = 1/2. With two levels the metric cancels out: alpha = 1 − (1/2)/(1/2).
    assert flips(found, "points").alpha == pytest.approx(0.0)


def test_score_differences_are_means_over_answers() -> None:
    found = stability_of(
        material(said(0, 0, "met"), said(0, 1, "partial"), said(0, 2, "met"), said(1, 0, "met"), said(1, 1, "met"))
    )
    assert found
    # Answer a: 100, 50, 100: differences 50, 0, 50, mean 33.3; answer b: 0.
    assert found.score_difference == pytest.approx(100 / 6)
    assert found.answers == 2


def test_what_one_reading_left_open_or_failed_is_not_a_flip() -> None:
    open_ = record_of(GOLDEN[0], {"f1": "avoided"}, reading=1)
    points = flips(material(said(0, 0, "met"), open_, said(1, 0, "met"), failed_of(GOLDEN[1], reading=1)), "points")
    assert (points.criteria, points.flipped, points.share, points.alpha) == (0, 0, None, None)


def test_noise_is_the_greatest_difference_of_a_headline_figure_between_readings() -> None:
    right = [said(0, 0, "met"), said(1, 0, "missed", "committed")]
    wrong = [said(0, 1, "missed"), said(1, 1, "met", "committed")]
    noise = noise_of(material(*right, *wrong))
    # AUC of the points is 1 in one reading and 0 in the other, kappa 1 and −1; STAR has no figure in either.
    assert (noise["points_auc"], noise["points_kappa"], noise["pitfalls_auc"]) == (1.0, 2.0, 0.0)
    assert "star_auc" not in noise


def test_two_runs_are_readings_of_one() -> None:
    first, second = material(said(0, 0, "met"), said(0, 1, "met")), material(said(0, 0, "missed"))
    both = as_readings(first, second)
    assert sorted({pair.reading for pair in both.pairs}) == [0, 1, 2]
    # Three readings, three pairs of them, two of which differ.
    assert flips(both, "points").share == pytest.approx(2 / 3)
