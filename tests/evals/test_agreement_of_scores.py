"""Scores and probabilities beside a human's: each measure by hand, and as other libraries have it."""

import numpy as np
import pytest
from sklearn import calibration, metrics

from evals import agreement
from tests.evals.test_agreement import POSITIVES, PROBABILITIES, Array, forecasts, scores


def plain_pearson(a: Array, b: Array) -> float:
    x, y = a - sum(a) / len(a), b - sum(b) / len(b)
    return float(sum(x * y) / (sum(x * x) * sum(y * y)) ** 0.5)


def plain_ranks(values: Array) -> Array:
    """One and a half for each of the two lowest where they are equal, and so on."""
    return np.array([(values < v).sum() + ((values == v).sum() + 1) / 2 for v in values])


def test_pearson_is_covariance_over_both_deviations() -> None:
    # Centred: -1, 0, 1 and -2, 1, 1. Products 2 + 0 + 1 = 3; squares 2 and 6. 3 / sqrt(12) = 0.866.
    assert agreement.pearson([1, 2, 3], [0, 3, 3]) == pytest.approx(3 / 12**0.5)
    for human, judge in scores():
        if np.ptp(human) and np.ptp(judge):
            assert agreement.pearson(human, judge) == pytest.approx(plain_pearson(human, judge))


def test_spearman_is_pearson_of_the_ranks() -> None:
    # Ranks 1, 2, 3 and 1, 2.5, 2.5. Centred: -1, 0, 1 and -1, .5, .5. 1.5 / sqrt(2 · 1.5) = 0.866.
    assert agreement.spearman([10, 20, 90], [5, 60, 60]) == pytest.approx(1.5 / 3**0.5)
    for human, judge in scores():
        if np.ptp(human) and np.ptp(judge):
            theirs = plain_pearson(plain_ranks(human), plain_ranks(judge))
            assert agreement.spearman(human, judge) == pytest.approx(theirs)


@pytest.mark.parametrize(
    ("a", "b"), [([], []), ([1], [2]), ([1, 2, 3], [0.1] * 3), ([0.1] * 3, [1, 2, 3]), ([1 + 1e-15, 1, 1], [1, 2, 3])]
)
def test_a_side_that_does_not_vary_correlates_with_nothing(a: list[float], b: list[float]) -> None:
    assert agreement.pearson(a, b) is None
    assert agreement.spearman(a, b) is None


def test_errors_of_scores_are_judge_less_human() -> None:
    # 10 too many, 30 too few: mean -10, mean size 20.
    assert agreement.mean_error([50, 80], [60, 50]) == -10
    assert agreement.mean_absolute_error([50, 80], [60, 50]) == 20
    for human, judge in scores():
        errors = [float(j) - float(h) for h, j in zip(human, judge, strict=True)]
        assert agreement.mean_error(human, judge) == pytest.approx(sum(errors) / len(errors))
        assert agreement.mean_absolute_error(human, judge) == pytest.approx(metrics.mean_absolute_error(human, judge))


def test_the_calibration_curve_sets_forecasts_beside_what_came_true() -> None:
    # Bins (0, .5] without forecasts; (.5, .75]: .55 and .65, one of 2 true; (.75, 1]: .95 and .85, both true.
    first, second = agreement.calibration_curve(POSITIVES, PROBABILITIES, bins=4)
    assert (first.low, first.high, first.observed, first.count) == (0.5, 0.75, 0.5, 2)
    assert (second.low, second.high, second.observed, second.count) == (0.75, 1, 1, 2)
    assert [first.mean_probability, second.mean_probability] == pytest.approx([0.6, 0.9])
    # (2·|.6 - .5| + 2·|.9 - 1|)/4 = 0.1
    assert agreement.expected_calibration_error(POSITIVES, PROBABILITIES, bins=4) == pytest.approx(0.1)
    # (.45² + .65² + .05² + .15²)/4 = (.2025 + .4225 + .0025 + .0225)/4
    assert agreement.brier(POSITIVES, PROBABILITIES) == pytest.approx(0.1625)


def test_calibration_agrees_with_other_implementations() -> None:
    for positives, probabilities in forecasts():
        bins = agreement.calibration_curve(positives, probabilities)
        observed, forecast = calibration.calibration_curve(positives, probabilities, n_bins=10)
        assert [b.observed for b in bins] == pytest.approx(observed)
        assert [b.mean_probability for b in bins] == pytest.approx(forecast)
        assert sum(b.count for b in bins) == positives.size
        error = sum(b.count * abs(b.mean_probability - b.observed) for b in bins) / positives.size
        assert agreement.expected_calibration_error(positives, probabilities) == pytest.approx(error)
        assert agreement.brier(positives, probabilities) == pytest.approx(
            metrics.brier_score_loss(positives, probabilities)
        )


@pytest.mark.parametrize("probability", [-0.01, 1.01])
def test_a_probability_is_no_odds_and_no_percentage(probability: float) -> None:
    with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
        agreement.brier([True], [probability])
    with pytest.raises(ValueError, match="0 bins"):
        agreement.calibration_curve([True], [0.5], bins=0)
